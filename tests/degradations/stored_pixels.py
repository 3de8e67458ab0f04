"""What every degradation makes of one small picture, stored: so that a change of a synthesizer does not go unseen.

    python tests/degradations/stored_pixels.py     # adds what is not stored yet; nothing stored is ever replaced

Where the pixels of a kind change, raise its `version`, run this, and say so in CHANGELOG.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grids.degradations import Degradation
from grids.degradations.table import TABLE

FILE = Path(__file__).with_name("stored_pixels.npz")
SEED = 7


def picture() -> Tensor:
    """(2, 3, 24, 28): edges, a ramp and a texture, on the 8-bit grid."""
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(28.0), indexing="ij")
    planes = [0.2 + 0.5 * (x + 5 * i > 2 * y) + x / 120 + 0.08 * torch.sin(x * (0.4 + 0.2 * i) - y) for i in range(6)]
    return torch.stack(planes).view(2, 3, 24, 28).mul(255).round().clamp(0, 255).div(255)


def result(kind: Degradation) -> np.ndarray:
    """uint8, (6, 3, 24, 28): the two images drawn over the default range, over the faint one, and at severity 0.5."""
    images = picture()
    drawn = [
        kind(images, torch.Generator().manual_seed(SEED)),
        kind(images, torch.Generator().manual_seed(SEED), span="low"),
        kind(images, torch.Generator().manual_seed(SEED), 0.5),
    ]
    return torch.cat(drawn).mul(255).round().byte().numpy()


def strip(kind: Degradation) -> np.ndarray:
    """uint8, (2, 3, 3, 224): some rows of larger images, which take other paths through the code."""
    images = picture().repeat(1, 1, 9, 8)
    return kind(images, torch.Generator().manual_seed(SEED))[..., 100:103, :].mul(255).round().byte().numpy()


def key(kind: Degradation) -> str:
    """The name under which a version of a kind is stored."""
    return f"{kind.name}@{kind.version}"


if __name__ == "__main__":
    kept = dict(np.load(FILE)) if FILE.exists() else {}
    added = {key(kind): result(kind) for kind in TABLE if key(kind) not in kept}
    added |= {f"{key(kind)} strip": strip(kind) for kind in TABLE if f"{key(kind)} strip" not in kept}
    np.savez_compressed(FILE, allow_pickle=True, **kept, **added)
    print(f"{FILE}: {', '.join(added) or 'nothing'} added, {FILE.stat().st_size / 1000:.0f} kB")
