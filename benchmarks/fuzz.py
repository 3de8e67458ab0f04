"""Damaged files through the commands that take them: anything but one line and an exit code of 0, 1 or 2 is a finding.

python benchmarks/fuzz.py                                     # what `make fuzz` runs
python benchmarks/fuzz.py --images 1000 --weights 0 --records 0 --seed 7
python benchmarks/fuzz.py --only images:4711                  # one case again, its command and what came of it
python benchmarks/fuzz.py kills --count 12                    # a search with trainings, killed and resumed
python benchmarks/fuzz.py troubles                            # full disks, folders that vanish, four processes

Files are made here and damaged by bytes, by pieces (with checksums and lengths made right again in most) and by what
they say. Each goes through a command in a process of its own kind, with 10 s and 2 GiB. Findings are kept, once for
every place in the code, in a folder each: the file, the command, what came of it. They make the exit code 1.
"""

from __future__ import annotations

import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from common import machine, parser, table
from fuzz_cases import Case, make_case, sound_cases
from fuzz_fixtures import make_fixtures, record_seeds, shrink_networks, weight_seeds
from fuzz_kills import kill_and_resume
from fuzz_seeds import images
from fuzz_troubles import cause_troubles
from fuzz_worker import SECONDS, Outcome, Worker, lay_out

CAMPAIGNS = {"images": 10_000, "weights": 2_000, "records": 1_000}
"""How many files of each."""
RENEWED = 1000
"""A worker runs so many cases: what they leave in its memory goes with it."""

CEILING = 8
"""GiB of addresses of a process, far more than a case may take."""


class Report:
    """Counts by kind of file, and keeps findings, each fault once.

    Args:
        folder: of the findings.
        here: the folder of the sound files.
    """

    def __init__(self, folder: Path, here: Path) -> None:
        self.folder, self.here = folder, here
        self.faults: Counter[str] = Counter()
        self._outcomes: dict[tuple[str, str], list[Outcome]] = defaultdict(list)

    def add(self, case: Case, found: Outcome) -> None:
        """Count what came of a case."""
        self._outcomes[case.campaign, case.kind].append(found)
        if not found.complaint:
            return
        fault = f"{case.command[0]}: {found.complaint}"
        self.faults[fault] += 1
        if self.faults[fault] == 1:
            print(f"FOUND {case.campaign}:{case.number}  {fault}", flush=True)
            words = re.sub(r"\W+", "-", fault)[:80].strip("-")
            place = self.folder / f"{len(self.faults):03d}-{case.kind.split()[0]}-{words}"
            lay_out(case, self.here, place)
            (place / "finding.txt").write_text(describe(case, found))

    def text(self) -> str:
        """A table of the kinds, then what was found."""
        rows = []
        for (campaign, kind), found in sorted(self._outcomes.items()):
            rows.append((campaign, kind, *_row(found)))
        for campaign in dict.fromkeys(campaign for campaign, _ in sorted(self._outcomes)):
            found = [one for (other, _), some in self._outcomes.items() if other == campaign for one in some]
            rows.append((campaign, "all", *_row(found)))
        header = ("", "kind", "files", "came through", "refused", "findings", "median s", "slowest s", "peak GiB")
        lines = [table(header, rows), "", f"{len(self.faults)} faults"]
        return "\n".join(lines + [f"{count:6d}  {fault}" for fault, count in self.faults.most_common()])


def _row(found: Sequence[Outcome]) -> tuple[str, ...]:
    through, times = sum(one.code == 0 for one in found), sorted(one.seconds for one in found)
    return (
        str(len(found)),
        f"{through} ({100 * through / len(found):.0f} %)",
        str(sum(one.code in (1, 2) for one in found)),
        str(sum(bool(one.complaint) for one in found)),
        f"{times[len(times) // 2]:.3f}",
        f"{times[-1]:.2f}",
        f"{max(one.gib for one in found):.2f}",
    )


def describe(case: Case, found: Outcome) -> str:
    """A case and what came of it, as a text."""
    return (
        f"{case.campaign}:{case.number}  {case.kind}, {len(case.data)} bytes in {case.place}\n"
        f"grids {' '.join(case.command)}\n"
        f"exit code {found.code}, {found.seconds:.2f} s, {found.gib:.2f} GiB\n{found.complaint}\n\n{found.error}"
    )


def run_cases(
    make: Callable[[int], Case], numbers: Iterable[int], jobs: int, here: Path, work: Path, deadline: float
) -> Iterator[tuple[int, Outcome]]:
    """What comes of cases, in the order in which they end; none is begun after the deadline.

    One that takes too long is tried once more: a busy machine is no finding.
    """
    left, slow = deque(numbers), set[int]()
    kept: dict[int, Worker] = {}
    busy: dict[int, Worker] = {}
    while True:
        for slot in set(range(jobs)) - busy.keys():
            if left and time.monotonic() < deadline:
                busy[slot] = kept.pop(slot) if slot in kept else Worker(make, here, work / str(slot))
                busy[slot].begin(left.popleft())
        if not busy:
            break
        wait([worker.connection for worker in busy.values()], timeout=0.05)
        for slot, worker in list(busy.items()):
            if (found := worker.outcome()) is None:
                continue
            del busy[slot]
            if worker.ended or worker.cases >= RENEWED:
                worker.close()
            else:
                kept[slot] = worker
            if found.seconds >= SECONDS and worker.number not in slow:
                slow.add(worker.number)
                left.appendleft(worker.number)
            else:
                yield worker.number, found
    for worker in kept.values():
        worker.close()


def check_sound(cases: Sequence[tuple[Case, int]], jobs: int, here: Path, work: Path) -> None:
    """See that files which are not damaged come through: else damaged ones would be refused for other reasons."""
    for number, found in run_cases(lambda i: cases[i][0], range(len(cases)), jobs, here, work, float("inf")):
        case, code = cases[number]
        if found.code != code or found.complaint:
            raise SystemExit(f"a sound file should give the exit code {code}:\n{describe(case, found)}")


def fuzz(wanted: Mapping[str, Iterable[int]], seed: int, jobs: int, seconds: float, keep: Path) -> int:
    """Run the cases of each campaign, print what came of them, and return how many faults were found."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "here"
        here.mkdir()
        shrink_networks()
        make_fixtures(here)
        seeds = {"images": images(), "weights": weight_seeds(here), "records": record_seeds(here)}
        report = Report(keep, here)
        for campaign in wanted:
            check_sound(sound_cases(campaign, seeds[campaign]), jobs, here, Path(folder))
        for campaign, numbers in wanted.items():
            make = partial(make_case, seed, campaign, seeds=seeds[campaign])
            for number, found in run_cases(make, numbers, jobs, here, Path(folder), start + seconds):
                report.add(make(number), found)
                if isinstance(numbers, tuple):  # a single one, to be looked at
                    print(describe(make(number), found))
    print(f"seed {seed}, {jobs} processes, {time.monotonic() - start:.0f} s\n\n{report.text()}")
    if report.faults:
        print(f"the files are in {keep}")
    return len(report.faults)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit code."""
    options = parser(__doc__)
    options.add_argument("what", nargs="?", choices=("files", "kills", "troubles"), default="files")
    for campaign, count in CAMPAIGNS.items():
        options.add_argument(f"--{campaign}", type=int, default=count, metavar="N", help=f"{campaign} [{count}]")
    options.add_argument("--only", metavar="CAMPAIGN:NUMBER", help="one case, with what it prints")
    options.add_argument("--count", type=int, default=12, metavar="N", help="kills [12]")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--seconds", type=float, default=float("inf"), help="no case begins after that")
    options.add_argument("--jobs", type=int, default=1, help="processes [1]")
    options.add_argument("--keep", type=Path, default=Path("runs/fuzz"), metavar="FOLDER", help="for what is found")
    given = options.parse_args(arguments)
    print(machine(), flush=True)
    # of this process and its forks: whatever runs away, the machine goes on
    resource.setrlimit(resource.RLIMIT_AS, (CEILING * 2**30, CEILING * 2**30))
    if given.what == "kills":
        return min(1, kill_and_resume(given.count, given.seed, given.keep.absolute()))
    if given.what == "troubles":
        return min(1, cause_troubles(given.seed))
    wanted: dict[str, Iterable[int]] = {name: range(getattr(given, name)) for name in CAMPAIGNS}
    if given.only:
        campaign, _, number = given.only.partition(":")
        wanted = {campaign: (int(number),)}
    keep = given.keep / f"seed-{given.seed}"
    shutil.rmtree(keep, ignore_errors=True)
    return min(1, fuzz(wanted, given.seed, given.jobs, given.seconds, keep.absolute()))


if __name__ == "__main__":
    sys.exit(main())
