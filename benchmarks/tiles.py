"""What it takes to restore a large photograph: seconds, memory, and what tiles cost.

    python benchmarks/tiles.py [--file grids/weights/unet_start.safetensors] [--megapixels 1 12]

Every photograph is one of Kodak24, enlarged, in a process of its own: read, restored with the restorer of the file, and
written as PNG. Seconds are of the restoring alone; memory is the peak of the whole process, beside three times the
decoded image plus 1 GiB.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from common import DATA, machine, parser, read_pixels, table

CODE = """
import json, resource, sys, time
from pathlib import Path
from grids import devices
from grids.images import read_photo, write_photo
from grids.restoration import tiling
from grids.restoration.models import load_restorer

devices.use_threads(None)
source, target, weights, tile = sys.argv[1:]
network = load_restorer(Path(weights)).network
photo = read_photo(Path(source))
side = tiling.default_side(network, photo.tensor(), "cpu")
begun = time.perf_counter()
made = tiling.restore_image(network, photo.tensor(), tile=int(tile) or None).clamp_(0, 1)
seconds = time.perf_counter() - begun
write_photo(Path(target), photo.with_pixels(made))
print(json.dumps({"seconds": seconds, "side": side, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def measured(source: Path, weights: Path, tile: int) -> dict[str, float]:
    command = [sys.executable, "-c", CODE, source, source.with_name("out.png"), weights, tile]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--file", type=Path, default=Path("grids/weights/unet_start.safetensors"))
    options.add_argument("--megapixels", type=float, nargs="+", default=[1, 12])
    options.add_argument("--tile", type=int, default=0, help="side of the tiles, pixels; 0 for the default")
    chosen = options.parse_args()
    print(machine(), flush=True)
    photograph = read_pixels(DATA / "eval" / "kodak24" / "05.png")
    rows = []
    for size in chosen.megapixels:
        height = math.isqrt(round(size * 1e6 * 3 / 4))
        width = round(size * 1e6 / height)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "in.png"
            cv2.imwrite(str(file), cv2.resize(photograph, (width, height), interpolation=cv2.INTER_CUBIC))
            found = measured(file, chosen.file, chosen.tile)
        allowed = 3 * 3 * width * height + 2**30
        side = chosen.tile or found["side"]
        cells = (f"{found['seconds']:.1f}", f"{side:.0f}", f"{found['peak'] / 2**20:.0f}", f"{allowed / 2**20:.0f}")
        rows.append((f"{width} x {height}", *cells))
    print(table(("photograph", "seconds", "tile", "peak MiB", "allowed MiB"), rows))
