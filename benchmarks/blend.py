"""Means of the weights of two restorers, the second gone on from the first: between them both may be kept.

    python benchmarks/blend.py FIRST SECOND [--shares 0 0.25 0.5 0.75 1] [--tasks jpeg] [--out FILE [--share 0.75]]

The table has the gains on crops of split val for every share of the second, for the tasks that they were trained for
and those of --tasks; the largest share that loses nothing to the first is what shipped. (Wortsman et al., Robust
fine-tuning of zero-shot models, CVPR 2022: weights before and after fine-tuning, averaged.)
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from common import machine, parser, table
from crops import WAYS
from pairs import COUNT, gains_of, val_crops
from torch import nn

from grids.restoration.models import load_restorer, read_record, save_restorer


def blended(first: nn.Module, second: nn.Module, share: float) -> nn.Module:
    """A network with (1 - share) of the weights of the first and share of the second's."""
    network, other = deepcopy(first), second.state_dict()
    network.load_state_dict({name: value.lerp(other[name], share) for name, value in first.state_dict().items()})
    return network.eval()


def report(first: nn.Module, second: nn.Module, shares: Sequence[float], tasks: Sequence[str], count: int) -> str:
    """Gains in dB by share."""
    crops, rows = val_crops(count), []
    for share in shares:
        gains = gains_of(blended(first, second, share), crops, tuple(tasks), WAYS, "cpu")
        rows.append((f"{share:g}", *(f"{gains[way][task]:+.2f}" for way in WAYS for task in tasks)))
    return table(("share", *(f"{task}, {way}" for way in WAYS for task in tasks)), rows)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("first", type=Path)
    options.add_argument("second", type=Path)
    options.add_argument("--shares", type=float, nargs="+", default=(0.0, 0.25, 0.5, 0.75, 1.0))
    options.add_argument("--tasks", nargs="+", default=(), help="further tasks to measure")
    options.add_argument("--count", type=int, default=COUNT, help="crops that are measured on")
    options.add_argument("--share", type=float, default=0.75, help="of the second, of the restorer that is written")
    options.add_argument("--out", type=Path, help="the file of that restorer; none is written by default")
    given = options.parse_args()
    first, second = load_restorer(given.first), load_restorer(given.second)
    if given.out is not None:
        record = {**(read_record(given.second) or {}), "share": given.share}
        save_restorer(given.out, blended(first.network, second.network, given.share), record, half=True)
    print(machine())
    tasks = dict.fromkeys((*second.tasks, *given.tasks))
    print(report(first.network, second.network, given.shares, list(tasks), given.count))


if __name__ == "__main__":
    main()
