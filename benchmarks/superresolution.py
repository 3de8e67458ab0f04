"""The descriptor's own task: x4 super-resolution PSNR on Set5 and Set14 (Y, crop 4) and Kodak24 (RGB, no crop).

    python benchmarks/superresolution.py [WEIGHTS]

Inputs are bicubic reductions with antialiasing, rounded to 8 bit; outputs are rounded to 8 bit. Images are cropped to
multiples of 4. Y is that of BT.601 in 16 .. 235, as in MATLAB's rgb2ycbcr.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from common import eval_photographs, machine, table
from torch import Tensor

from grids.images import read_photo
from grids.similarity.descriptor import Descriptor

SETS = (("Set5", "set5", True), ("Set14", "set14", True), ("Kodak24", "kodak24", False))
PUBLISHED = {"Set5": "32.05", "Set14": "28.49"}


def luma(image: Tensor) -> Tensor:
    """(1, 3, H, W) in [0, 1] -> (1, 1, H, W) on the 0..255 scale."""
    weights = torch.tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True) + 16


def psnr(first: Tensor, second: Tensor, y: bool) -> float:
    """dB: Y with 4 pixels cropped off each border, or RGB uncropped."""
    a, b = (luma(first), luma(second)) if y else (first * 255, second * 255)
    if y:
        a, b = a[..., 4:-4, 4:-4], b[..., 4:-4, 4:-4]
    return float(10 * torch.log10(255**2 / (a - b).double().square().mean()))


def rounded(image: Tensor) -> Tensor:
    return image.mul(255).round().clamp(0, 255).div(255)


if __name__ == "__main__":
    descriptor = Descriptor(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print(machine(), flush=True)
    rows = []
    for title, folder, y in SETS:
        ours, bicubic = [], []
        for file in eval_photographs(folder):
            image = read_photo(file).tensor()[None]
            h, w = (size // 4 * 4 for size in image.shape[-2:])
            image = image[..., :h, :w]
            small = rounded(F.interpolate(image, (h // 4, w // 4), mode="bicubic", antialias=True))
            with torch.inference_mode():
                ours.append(psnr(rounded(descriptor.network(small)), image, y))
            bicubic.append(psnr(rounded(F.interpolate(small, (h, w), mode="bicubic")), image, y))
        mean = [sum(values) / len(values) for values in (ours, bicubic)]
        rows.append(
            (f"{title}, {'Y, crop 4' if y else 'RGB, no crop'}", *(f"{m:.2f}" for m in mean), PUBLISHED.get(title, "-"))
        )
    print(table(("x4, dB", "ours", "bicubic", "published SRResNet"), rows))
