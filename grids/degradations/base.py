"""What a degradation is: parameters drawn from a generator, then a deterministic map of an image batch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from grids.devices import exact_float32
from grids.errors import GridsError

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Range:
    """The values that one parameter takes: `mild` at severity 0, `strong` at severity 1.

    Without a severity the value is drawn uniformly between the two, on the scale given; whole numbers, `step` apart,
    with equal odds.
    """

    name: str
    mild: float
    strong: float
    unit: str
    log: bool = False
    whole: bool = False
    step: int = 1

    def at(self, severity: Tensor) -> Tensor:
        """The values for severities in [0, 1], any shape."""
        if self.log:
            return self.mild * (self.strong / self.mild) ** severity
        value = self.mild + (self.strong - self.mild) * severity
        if self.whole:
            first = self.mild % self.step
            return first + self.step * ((value - first) / self.step).round()
        return value

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` values drawn over the whole range, shape (count,)."""
        if self.whole:
            low, high = sorted((int(self.mild), int(self.strong)))
            steps = torch.randint((high - low) // self.step + 1, (count,), generator=generator, device=generator.device)
            return (low + self.step * steps).float()
        return self.at(torch.rand(count, generator=generator, device=generator.device))

    def __str__(self) -> str:
        scale = ", log scale" if self.log else ""
        return f"{self.name} {self.mild:g} -> {self.strong:g} {self.unit}{scale}".replace(" ,", ",")


class Degradation(ABC):
    """A random map from clean images to degraded ones, in two steps: `sample` parameters, then `apply` them.

    A subclass names itself and its ranges, and writes `_apply`; where it draws more than its ranges, `_sample` too.
    """

    name: ClassVar[str]
    ranges: ClassVar[tuple[Range, ...]] = ()
    summary: ClassVar[str]
    source: ClassVar[str]

    def sample(
        self,
        batch_shape: Sequence[int],
        generator: torch.Generator,
        severity: float | Tensor | None = None,
    ) -> Parameters:
        """Draw the parameters of every image of a batch.

        Args:
            batch_shape: (B, 3, H, W).
            generator: where all randomness comes from; the parameters lie on its device.
            severity: 0 the mildest, 1 the strongest, one number or (B,); None draws over the whole range.

        Returns:
            Tensors of shape (B, ...), and for noise a scalar "seed" for the whole batch.

        Raises:
            GridsError: the shape is not (B, 3, H, W), or the severity is outside [0, 1].
        """
        shape = _checked_shape(batch_shape)
        levels = _checked_severity(severity, shape[0], generator.device)
        parameters = {
            r.name: r.draw(shape[0], generator) if levels is None else r.at(levels) for r in self.drawn_ranges(levels)
        }
        return parameters | self._sample(shape, generator)

    def apply(self, images: Tensor, parameters: Parameters, round_to_8_bit: bool = True) -> Tensor:
        """Degrade a batch: the same images and parameters give the same result on one type of device.

        Args:
            images: (B, 3, H, W), float32 RGB in [0, 1].
            parameters: what `sample` returned for this batch.
            round_to_8_bit: round the result to multiples of 1/255, as a file would.

        Returns:
            (B, 3, H, W), float32 in [0, 1], on the device of `images`.

        Raises:
            GridsError: the images are not such a batch, or the parameters are for another number of images.
        """
        _checked_shape(images.shape)
        if images.dtype != torch.float32:
            raise GridsError(f"images must be float32 in [0, 1], but are {images.dtype}")
        for name, value in parameters.items():
            if value.ndim and len(value) != len(images):
                raise GridsError(f"the parameter '{name}' is for {len(value)} images, but there are {len(images)}")
        # other kinds of device lack operations that some degradations need (Poisson counts, Bessel functions)
        device = images.device if images.device.type in ("cpu", "cuda") else torch.device("cpu")
        here = {name: _moved(value, device) for name, value in parameters.items()}
        # mixed precision is for networks: 8-bit results need more than bf16's 8 bits of precision
        with torch.autocast(device.type, enabled=False), exact_float32():
            result = self._apply(images.to(device), here).to(images.device)
        if round_to_8_bit:
            return result.mul(255).round_().clamp_(0, 255).div_(255)
        return result.clamp(0, 1)

    def __call__(
        self,
        images: Tensor,
        generator: torch.Generator,
        severity: float | Tensor | None = None,
        round_to_8_bit: bool = True,
    ) -> Tensor:
        """`sample`, then `apply`."""
        return self.apply(images, self.sample(images.shape, generator, severity), round_to_8_bit)

    def drawn_ranges(self, severity: Tensor | None) -> tuple[Range, ...]:
        """The ranges to draw from; a hook for kinds whose default is a fixed value."""
        return self.ranges

    def identity(self) -> str | None:
        """What, beside its name and the version of grids, determines what this degradation does.

        None where that cannot be known, as for code from elsewhere: then no stored result stands for it.
        """
        if not type(self).__module__.startswith("grids.degradations."):
            return None
        return "; ".join(str(r) for r in self.ranges)

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {}

    @abstractmethod
    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor: ...


def seeded(seed: int) -> torch.Generator:
    """A CPU generator. Raises GridsError for a seed outside 0 to 2^63 - 1."""
    if not 0 <= seed < 2**63:
        raise GridsError(f"seed must be 0 to 2^63 - 1, but is {seed}")
    return torch.Generator().manual_seed(seed)


def draw_seed(generator: torch.Generator) -> Tensor:
    """One seed for the noise of a whole batch, so that noise needs no storage and replays exactly."""
    return torch.randint(2**62, (), generator=generator, device=generator.device)


def noise_generator(images: Tensor, parameters: Parameters) -> torch.Generator:
    """The generator that a batch's seed stands for, on the device of the images."""
    return torch.Generator(device=images.device).manual_seed(int(parameters["seed"]))


def per_image(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1)."""
    return values.float().view(-1, 1, 1, 1)


def _checked_shape(shape: Sequence[int]) -> tuple[int, int, int, int]:
    if len(shape) != 4 or shape[1] != 3 or min(shape) < 1:
        raise GridsError(f"an image batch must have the shape (B, 3, H, W), none of them 0, but has {tuple(shape)}")
    return (int(shape[0]), 3, int(shape[2]), int(shape[3]))


def _moved(value: Tensor, device: torch.device) -> Tensor:
    """On the device; a single number may stay on the CPU: a GPU would have to be waited for to read a seed back."""
    if value.ndim == 0 and value.device.type == "cpu":
        return value
    return value.to(device, non_blocking=device.type == "cuda")


def _checked_severity(severity: float | Tensor | None, count: int, device: torch.device) -> Tensor | None:
    if severity is None:
        return None
    levels = torch.as_tensor(severity, dtype=torch.float32, device=device)
    if levels.ndim > 1 or (levels.ndim == 1 and len(levels) != count):
        raise GridsError(f"severity must be one number or one for each of {count} images, not {tuple(levels.shape)}")
    if not bool(((levels >= 0) & (levels <= 1)).all()):  # NaN fails too
        shown = f"{float(levels):g}" if levels.ndim == 0 else "outside it"
        raise GridsError(f"severity must lie in [0, 1], but is {shown}")
    return levels.expand(count)


def psnr(first: Tensor, second: Tensor) -> float:
    """PSNR in dB of two images or batches in [0, 1]: RGB, no border crop, both rounded to 8 bit; inf if equal."""
    difference = first.mul(255).round() - second.mul(255).round()
    error = float(difference.cpu().double().square().mean())
    return 10 * math.log10(255.0**2 / error) if error else math.inf
