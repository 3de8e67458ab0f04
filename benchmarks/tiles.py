"""What large photographs take: seconds and memory of `grids select` and `grids restore`.

    python benchmarks/tiles.py [--megapixels 1 12 48] [--restored 1 12 48] [--group mix]

Every photograph is one of Kodak24, enlarged, with grain. Every command is a process of its own; seconds are those of
the whole of it, memory is its peak, beside three times the decoded image plus 1 GiB.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from common import DATA, machine, need, parser, read_pixels, table

CODE = """
import atexit, re, sys
from pathlib import Path

def peak():
    found = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())  # getrusage's may be the parent's
    print("\\npeak", found[1], file=sys.stderr)

atexit.register(peak)
from grids.cli import main
main(sys.argv[1:])
"""
GRAIN = 15


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds and KiB of a command."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, float(done.stderr.rpartition("peak ")[2])


def photographs(folder: Path, megapixels: float) -> Iterator[tuple[str, Path, int]]:
    """What kind of file, the file, and the bytes of its pixels."""
    height = math.isqrt(round(megapixels * 1e6 * 3 / 4))
    width = round(megapixels * 1e6 / height)
    large = cv2.resize(
        read_pixels(need(DATA / "eval" / "kodak24") / "05.png"), (width, height), interpolation=cv2.INTER_CUBIC
    )
    noise = np.random.default_rng(0).standard_normal((height, 1024, 3), np.float32) * GRAIN
    for left in range(0, width, 1024):  # the same grain again, for little memory
        part = large[:, left : left + 1024]
        part[:] = (part + noise[:, : part.shape[1]]).clip(0, 255).round()
    opacity = np.zeros((height, width, 1), np.uint8)
    cv2.circle(opacity, (width // 2, height // 2), height // 2, 255, -1)
    kinds = {
        "PNG": (".png", large),
        "JPEG": (".jpg", large),
        "PNG, 16 bit": (".png", large.astype(np.uint16) * 257),
        "PNG, transparent around a disc": (".png", np.concatenate((large, opacity), 2)),
    }
    for kind, (suffix, pixels) in kinds.items():
        file = folder / f"photograph{suffix}"
        cv2.imwrite(str(file), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1] if suffix == ".png" else [])
        yield kind, file, pixels.nbytes


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--megapixels", type=float, nargs="+", default=[1, 12, 48], help="of the photographs")
    options.add_argument("--restored", type=float, nargs="*", default=[1, 12, 48], help="those that are restored, too")
    options.add_argument("--group", default="mix")
    chosen = options.parse_args()
    print(machine(), flush=True)
    rows = []
    for size in chosen.megapixels:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for kind, file, decoded in photographs(folder, size):
                out = folder / "out.png"
                commands = {"select": ["select", str(file)]}
                if kind == "PNG" and size in chosen.restored:
                    commands["restore"] = ["restore", str(file), "-o", str(out), "--group", chosen.group]
                for command, arguments in commands.items():
                    seconds, peak = measured(arguments)
                    allowed = 3 * decoded + 2**30
                    cells = (f"{seconds:.1f}", f"{peak / 2**10:.0f}", f"{allowed / 2**20:.0f}")
                    rows.append((command, f"{size:g}", kind, *cells))
    print(table(("command", "megapixels", "file", "seconds", "peak MiB", "allowed MiB"), rows))


if __name__ == "__main__":
    main()
