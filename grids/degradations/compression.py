"""JPEG compression: the codec itself on the CPU, and the same steps in torch for training on a GPU."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations.base import Degradation, Parameters
from grids.degradations.ranges import Range
from grids.devices import for_each, moved
from grids.errors import GridsError
from grids.images.libraries import opencv, quiet_opencv

# ITU-T T.81, Annex K, tables K.1 (luminance) and K.2 (chrominance): what every common encoder scales by its quality
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)


class Jpeg(Degradation):
    """JPEG compression, baseline, chroma at half resolution (4:2:0).

    On a CPU the real codec (libjpeg in OpenCV), elsewhere the same steps in torch, which agree with it up to rounding.
    The results are multiples of 1/255 even where `apply` is told not to round. Images have at most 65500 pixels a side
    on a CPU.

    Parameters, a row an image: `quality`, libjpeg's, a whole number of 1 to 100. Source: the kind is of GRIDS; the
    range is ours, about PromptGIP's (10 to 40).
    """

    name = "jpeg"
    version = 2
    adds = True
    ranges = (Range("quality", 60, 10, "of 100", whole=True, faint=74),)
    rounded = True
    summary = "baseline, 4:2:0; libjpeg on the CPU, the same steps in torch on a GPU"
    source = "kind: GRIDS; range: ours, about PromptGIP's (10 to 40)"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return saved_as_jpeg(images, parameters["quality"])


HALF_COLOUR, FULL_COLOUR = 0x221111, 0x111111
"""OpenCV's numbers for chroma at half (4:2:0) and at full resolution (4:4:4)."""


def saved_as_jpeg(images: Tensor, quality: Tensor, full_colour: Tensor | None = None) -> Tensor:
    """Images as they come back from JPEG files: by libjpeg on a CPU, by the same steps in torch elsewhere.

    Args:
        images: (B, 3, H, W) in [0, 1], float32; values outside are clipped.
        quality: (B,) in 1 to 100, on any device.
        full_colour: (B,) of bool, on the CPU: chroma in full resolution (4:4:4), else at half (4:2:0); None for half.

    Returns:
        (B, 3, H, W), multiples of 1/255, on the device of `images`; no gradient goes through.

    Raises:
        GridsError: on a CPU, a side is longer than 65500 pixels.
    """
    if images.device.type == "cpu":
        return codec_jpeg(images, quality, full_colour)
    quality = moved(quality, images.device)
    if full_colour is None:
        return torch_jpeg(images, quality)
    result = torch.empty_like(images)
    for full in (False, True):
        if bool((full_colour == full).any()):
            place = moved((full_colour == full).nonzero().flatten(), images.device)
            result.index_copy_(0, place, torch_jpeg(images[place], quality[place], full))
    return result


def codec_jpeg(images: Tensor, quality: Tensor, full_colour: Tensor | None = None) -> Tensor:
    """Images through libjpeg's encoder and decoder (OpenCV's), several at a time.

    Args:
        images: (B, 3, H, W) float32 in [0, 1], on the CPU; values outside are clipped.
        quality: (B,) in 1 to 100, rounded to whole numbers.
        full_colour: see `saved_as_jpeg`.

    Returns:
        (B, 3, H, W) float32, multiples of 1/255, detached from `images`.

    Raises:
        GridsError: a side is longer than 65500 pixels.
        ImageError: OpenCV cannot be imported.
    """
    cv2 = opencv()
    if max(images.shape[-2:]) > 65500:
        raise GridsError(f"JPEG holds 65500 pixels a side, but the image has {images.shape[-1]} x {images.shape[-2]}")
    sources, result = images.detach().contiguous().numpy(), images.new_empty(images.shape)
    full = [False] * len(images) if full_colour is None else full_colour.tolist()
    options = [
        [cv2.IMWRITE_JPEG_QUALITY, round(q), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FULL_COLOUR if f else HALF_COLOUR]
        for q, f in zip(quality.tolist(), full, strict=True)
    ]

    def through(i: int) -> None:
        # all that is done to one image in one go, while it lies in the processor's cache
        levels = np.empty(sources[i].shape, np.uint8)
        rows = sources[i].reshape(-1, levels.shape[-1])
        cv2.addWeighted(rows, 255.0, rows, 0.0, 0.0, levels.reshape(rows.shape), dtype=cv2.CV_8U)  # rounds and clips
        # OpenCV counts colours from blue
        _, data = cv2.imencode(".jpg", cv2.merge(tuple(levels[::-1])), options[i])
        cv2.split(cv2.imdecode(data, cv2.IMREAD_COLOR), tuple(levels[::-1]))
        np.divide(levels, np.float32(255), out=result[i].numpy())

    with quiet_opencv():
        for_each(len(images), through, images[0].numel())
    return result


def torch_jpeg(images: Tensor, quality: Tensor, full_colour: bool = False) -> Tensor:
    """What JPEG loses, step by step in torch on any device, within rounding of the codec. Nothing is encoded.

    Source: ITU-T T.81 (transform and tables), JFIF (colour), libjpeg's choices (rounding at every stage, averaged
    chroma, triangle-filtered enlargement). Not differentiable: rounding has no gradient.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]; values outside are clipped.
        quality: (B,) in 1 to 100, on the device of `images`; rounded to whole numbers.
        full_colour: chroma of all images in full resolution (4:4:4), else at half (4:2:0).

    Returns:
        (B, 3, H, W) float32, multiples of 1/255.
    """
    h, w = images.shape[-2:]
    pixels = images.mul(255).round().clamp(0, 255)
    padded = F.pad(pixels, (0, -w % 16, 0, -h % 16), mode="replicate") if h % 16 or w % 16 else pixels
    y, chroma = _to_ycbcr(padded).split((1, 2), 1)
    y = _through_blocks(y, _table(LUMINANCE, quality))
    chroma = _through_blocks(chroma if full_colour else _halve(chroma), _table(CHROMINANCE, quality))
    if not full_colour:
        # the decoder knows only the chroma samples of the true size: what it sees beyond them is their border
        chroma = _double(chroma[..., : math.ceil(h / 2), : math.ceil(w / 2)])
    return _to_rgb(torch.cat([y[..., :h, :w], chroma[..., :h, :w]], 1)).div(255)


def _to_ycbcr(rgb: Tensor) -> Tensor:
    r, g, b = rgb.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return torch.stack([y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128], 1).round().clamp(0, 255)


def _to_rgb(ycc: Tensor) -> Tensor:
    y, cb, cr = ycc[:, 0], ycc[:, 1] - 128, ycc[:, 2] - 128
    r, b = y + 1.402 * cr, y + 1.772 * cb
    return torch.stack([r, y - 0.344136286 * cb - 0.714136286 * cr, b], 1).round().clamp(0, 255)


def _halve(chroma: Tensor) -> Tensor:
    # libjpeg rounds 2 x 2 means down and up in alternate columns, so that the mean stays
    summed = F.avg_pool2d(chroma, 2) * 4
    bias = 1 + torch.arange(summed.shape[-1], device=chroma.device) % 2
    return ((summed + bias) / 4).floor()


def _double(chroma: Tensor) -> Tensor:
    for axis in (-1, -2):
        before = torch.cat([chroma.narrow(axis, 0, 1), chroma.narrow(axis, 0, chroma.shape[axis] - 1)], axis)
        after = torch.cat([chroma.narrow(axis, 1, chroma.shape[axis] - 1), chroma.narrow(axis, -1, 1)], axis)
        pair = torch.stack([0.75 * chroma + 0.25 * before, 0.75 * chroma + 0.25 * after], axis)
        chroma = pair.flatten(-2) if axis == -1 else pair.flatten(-3, -2)
    return (chroma + 0.25).floor().clamp(0, 255)


def _table(base: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """libjpeg's scaling of a quantization table: quality (B,) -> (B, 1, 1, 1, 8, 8)."""
    q = quality.float().round().clamp(1, 100)
    scale = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q).view(-1, 1, 1)
    steps = ((torch.tensor(base, device=quality.device) * scale + 50) / 100).floor().clamp(1, 255)
    return steps.view(-1, 1, 1, 1, 8, 8)


def _through_blocks(plane: Tensor, steps: Tensor) -> Tensor:
    """Transform, quantize and back: (B, C, H, W), sides in eights -> the same shape."""
    b, c, h, w = plane.shape
    dct = _dct_matrix().to(plane.device)
    blocks = (plane - 128).reshape(b, c, h // 8, 8, w // 8, 8).transpose(3, 4)
    levels = (dct @ blocks @ dct.T / steps).round() * steps
    back = (dct.T @ levels @ dct).transpose(3, 4).reshape(b, c, h, w)
    return (back + 128).round().clamp(0, 255)


@lru_cache(maxsize=1)
def _dct_matrix() -> Tensor:
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos(math.pi * (2 * k + 1) * k.view(-1, 1) / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.float()
