"""What a degradation is: parameters drawn from a generator, then a deterministic map of an image batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from grids.devices import exact_float32, for_each, keep_freed_memory, moved
from grids.errors import GridsError, unknown_name
from grids.random import draw_seeds, spread_evenly

Parameters = dict[str, Tensor]
OURS = "grids.degradations."
"""Where the modules of the built-in kinds lie."""
Span = Literal["default", "wide", "low"]
SPANS: tuple[Span, ...] = get_args(Span)
"""Which values are drawn: mildest to strongest, faintest to strongest, or faintest to mildest ("low severity")."""


@dataclass(frozen=True)
class Range:
    """The values that one parameter of a degradation takes, from mildest to strongest.

    Without a severity the value is drawn uniformly between the two; whole numbers, `step` apart, with equal odds.

    Args:
        name: of the parameter.
        mild: the value at severity 0, the mildest; it may be the larger one, as for the quality of a JPEG.
        strong: the value at severity 1.
        unit: of the values, for tables: "px", "/ 255".
        log: the scale between the two is logarithmic; both must be above 0, and `whole` is not meant for it.
        whole: only values a whole number of steps from `mild` are taken.
        step: the distance of such values.
        faint: a value beyond the mildest, at about half its strength: only training pairs go so far (see
            `grids.training.pairs`). None: there is no fainter one.
    """

    name: str
    mild: float
    strong: float
    unit: str
    log: bool = False
    whole: bool = False
    step: int = 1
    faint: float | None = None

    def ends(self, span: Span = "default") -> tuple[float, float]:
        """The weakest and the strongest value of a span.

        Args:
            span: "default" from mildest to strongest, "wide" from faintest to strongest, "low" from faintest to
                mildest. Where there is no faintest value, the mildest takes its place.

        Returns:
            Both values, the weakest first; it may be the larger number.

        >>> Range("quality", 60, 10, "of 100", whole=True, faint=74).ends("low")
        (74, 60)
        """
        faint = self.mild if self.faint is None else self.faint
        return (self.mild if span == "default" else faint, self.mild if span == "low" else self.strong)

    def at(self, severity: Tensor, span: Span = "default") -> Tensor:
        """The values for given severities.

        Args:
            severity: any shape, in [0, 1] (not checked): 0 is the weakest value of the span, 1 its strongest.
            span: see `ends`.

        Returns:
            Floating point, of the shape and on the device of `severity`; of a `whole` range rounded to the nearest
            step.

        >>> Range("quality", 60, 10, "of 100", whole=True).at(torch.tensor([0.0, 0.5, 1.0]))
        tensor([60., 35., 10.])
        """
        first, last = self.ends(span)
        if self.log:
            return first * (last / first) ** severity
        value = first + (last - first) * severity
        if self.whole:
            base = self.mild % self.step
            return base + self.step * ((value - base) / self.step).round()
        return value

    def draw(self, count: int, generator: torch.Generator, span: Span = "default") -> Tensor:
        """Random values over the whole span, spread evenly over it (`spread_evenly`), in random order.

        Args:
            count: how many.
            generator: where they are drawn from.
            span: see `ends`.

        Returns:
            (count,) float32, on the device of the generator; of a `whole` range each step with equal odds.
        """
        places = spread_evenly(count, generator)
        if not self.whole:
            return self.at(places, span)
        low, high = sorted(map(int, self.ends(span)))
        return low + self.step * (places * ((high - low) // self.step + 1)).floor()

    def __str__(self) -> str:
        scale = ", log scale" if self.log else ""
        faint = "" if self.faint is None else f", faintest {self.faint:g}"
        return f"{self.name} {self.mild:g} -> {self.strong:g} {self.unit}{scale}{faint}".replace(" ,", ",")


class Degradation(ABC):
    """A random map from clean images to degraded ones, in two steps: `sample` parameters, then `apply` them.

    All randomness lies in the parameters, so a degraded batch can be made again from them. A call does both steps.
    Built-in kinds hold no state: any number of threads may use one.

    A subclass names itself and its ranges, and writes `_apply`, which must leave its images as they are; where it draws
    more than its ranges, `_sample` too. CONTRIBUTING.md shows how.

    >>> from grids.degradations import degradation
    >>> degradation("gaussian_blur")(torch.zeros(2, 3, 8, 8), torch.Generator().manual_seed(0), severity=0.5).shape
    torch.Size([2, 3, 8, 8])
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised whenever the same seed gives other pixels: what is stored under an earlier version is made again."""
    ranges: ClassVar[tuple[Range, ...]] = ()
    rounded: ClassVar[bool] = False
    """Whether its results are multiples of 1/255 anyway."""
    noise: ClassVar[bool] = False
    """Whether it adds noise that is independent in every pixel, which cameras make coarser."""
    summary: ClassVar[str]
    source: ClassVar[str]

    def sample(
        self,
        batch_shape: Sequence[int],
        generator: torch.Generator,
        severity: float | Tensor | None = None,
        span: Span = "default",
    ) -> Parameters:
        """Draw the parameters of every image of a batch.

        Values that are drawn are spread evenly over the batch (`spread_evenly`).

        Args:
            batch_shape: (B, 3, H, W).
            generator: where all randomness comes from; the parameters lie on its device.
            severity: 0 the mildest, 1 the strongest, one number or (B,); None draws over the whole range.
            span: "default", or for training pairs "wide" (from the faintest value on) or "low" (from the faintest to
                the mildest); a severity then goes from 0 to 1 over this span.

        Returns:
            Tensors of shape (B, ...), one row an image; for noise also a "seed" for each image.

        Raises:
            GridsError: the shape is not (B, 3, H, W), the severity is outside [0, 1], or there is no such span.
        """
        shape = _checked_shape(batch_shape)
        levels = _checked_severity(severity, shape[0], generator.device)
        if span not in SPANS:
            raise unknown_name("span", span, SPANS)
        parameters = {
            r.name: r.draw(shape[0], generator, span) if levels is None else r.at(levels, span)
            for r in self.drawn_ranges(levels, span)
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
        check_rows(parameters, len(images))
        keep_freed_memory()
        # other kinds of device lack operations that some degradations need (Poisson counts, Bessel functions)
        device = images.device if images.device.type in ("cpu", "cuda") else torch.device("cpu")
        # seeds stay where they are: a GPU would have to be waited for to read them back
        here = {name: value if name == "seed" else moved(value, device) for name, value in parameters.items()}
        # mixed precision is for networks: 8-bit results need more than bf16's 8 bits of precision
        with torch.autocast(device.type, enabled=False), exact_float32():
            result = self._apply(images.to(device).contiguous(), here).to(images.device)
        own = type(self).__module__.startswith(OURS)  # others may return a tensor that they keep
        if not own or result.requires_grad or not result.is_contiguous() or _share_memory(result, images):
            result = result.clone(memory_format=torch.contiguous_format)
        return result if self.rounded else _finished(result, round_to_8_bit)

    def __call__(
        self,
        images: Tensor,
        generator: torch.Generator,
        severity: float | Tensor | None = None,
        round_to_8_bit: bool = True,
        span: Span = "default",
    ) -> Tensor:
        """`sample`, then `apply`."""
        spans = () if span == "default" else (span,)  # own kinds may know no others
        return self.apply(images, self.sample(images.shape, generator, severity, *spans), round_to_8_bit)

    def drawn_ranges(self, severity: Tensor | None, span: Span = "default") -> tuple[Range, ...]:
        """The ranges that `sample` draws from; a hook for kinds that take a fixed value where no severity is given.

        Args:
            severity: what `sample` was given, as (B,); None where values are drawn over the whole range.
            span: what `sample` was given.
        """
        return self.ranges

    def identity(self) -> str | None:
        """What, beside its name and the version of grids, determines what this degradation does.

        Returns:
            A text, of its version and ranges; stored results are used again only while it is the same. None where it
            cannot be known, as for code from elsewhere: then no stored result stands for it.
        """
        if not type(self).__module__.startswith(OURS):
            return None
        return "; ".join([f"version {self.version}", *(str(r) for r in self.ranges)])

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {}

    @abstractmethod
    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor: ...


class SeededDegradation(Degradation):
    """A degradation that draws while it is applied, such as noise, from one seed for each image.

    Its parameters hold "seed", (B,) int64, beside those of its ranges, so they still determine the result. A subclass
    draws with `draw_by_image` or `generators`. The same seed gives other numbers on a GPU than on a CPU.
    """

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {"seed": draw_seeds(shape[0], generator)}


def draw_uniform(generator: torch.Generator, *size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Random numbers, uniform in [low, high) and independent of one another.

    Args:
        generator: where they are drawn from.
        size: the shape of the result, one whole number an axis.
        low, high: the ends of the interval.

    Returns:
        float32 of that shape, on the device of the generator.
    """
    return low + (high - low) * torch.rand(size, generator=generator, device=generator.device)


def draw_integers(generator: torch.Generator, count: int, low: int, high: int) -> Tensor:
    """Random whole numbers with equal odds, independent of one another.

    Args:
        generator: where they are drawn from.
        count: how many.
        low, high: from low to high - 1; high must be larger than low.

    Returns:
        (count,) int64, on the device of the generator.
    """
    return torch.randint(low, high, (count,), generator=generator, device=generator.device)


def check_rows(parameters: Parameters, count: int) -> None:
    """See that every parameter has one row for each image of a batch.

    Args:
        parameters: what `Degradation.sample` returned.
        count: the number of images.

    Raises:
        GridsError: a parameter is a single number, or has more or fewer rows.
    """
    for name, value in parameters.items():
        if value.ndim == 0:
            raise GridsError(f"the parameter '{name}' must have a value for each image, but is a single number")
        if len(value) != count:
            raise GridsError(f"the parameter '{name}' is for {len(value)} images, but there are {count}")


def generators(parameters: Parameters, device: torch.device) -> list[torch.Generator]:
    """A new generator for each image of a batch, started from its seed, in the order of the images.

    Args:
        parameters: with "seed", (B,). On a GPU the seeds have to be waited for.
        device: where the generators draw.
    """
    return [torch.Generator(device=device).manual_seed(seed) for seed in parameters["seed"].tolist()]


Draw = Callable[[int, Tensor, torch.Generator], object]


def draw_by_image(out: Tensor, parameters: Parameters, draw: Draw) -> Tensor:
    """Fill a tensor image by image, each from its own seed; on a CPU on all threads, if there is enough to do.

    Args:
        out: (B, ...), what is filled.
        parameters: with "seed", (B,).
        draw: called with the number of an image, its part of `out`, (...), which it fills in place, and its generator.
            On a CPU it is called from several threads at a time.

    Returns:
        `out` itself.
    """
    own = generators(parameters, out.device)
    for_each(len(out), lambda i: draw(i, out[i], own[i]), out[0].numel() if out.device.type == "cpu" else 0)
    return out


def cover(images: Tensor, hidden: Tensor, values: Tensor) -> Tensor:
    """Images with other values where a mask says so: images (1 - hidden) + values hidden.

    Args:
        images: (B, C, H, W); they stay as they are.
        hidden: (B, 1, H, W), 1 where the other values are to be seen and 0 elsewhere.
        values: what is seen there, (B, 1, H, W) or (B, 1, 1, 1).

    Returns:
        (B, C, H, W), a new tensor.
    """
    # many times as fast as torch.where or addcmul, which are not vectorised where one mask serves several channels
    return (images * (1 - hidden)).add_(values * hidden)


def per_image(values: Tensor) -> Tensor:
    """One value an image as something that can be multiplied with a batch of images.

    Args:
        values: (B,) of any type.

    Returns:
        (B, 1, 1, 1) float32; it may share the memory of `values`.

    >>> per_image(torch.tensor([1, 2])).shape
    torch.Size([2, 1, 1, 1])
    """
    return values.float().view(-1, 1, 1, 1)


def _checked_shape(shape: Sequence[int]) -> tuple[int, int, int, int]:
    if len(shape) != 4 or shape[1] != 3 or min(shape) < 1:
        raise GridsError(f"an image batch must have the shape (B, 3, H, W), none of them 0, but has {tuple(shape)}")
    return (int(shape[0]), 3, int(shape[2]), int(shape[3]))


def _finished(result: Tensor, round_to_8_bit: bool) -> Tensor:
    """Clipped to [0, 1] and rounded to multiples of 1/255, in place."""
    if not round_to_8_bit:
        return result.clamp_(0, 1)
    if result.device.type != "cpu" or result.requires_grad or len(result) == 1:
        return result.mul_(255).round_().clamp_(0, 255).div_(255)
    images = result.numpy()
    for_each(len(images), lambda i: _round(images[i]), images[0].size)
    return result


def _round(image: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    # all four passes over one image, which stays in the processor's cache
    np.rint(np.multiply(image, np.float32(255), out=image), out=image)
    np.divide(np.clip(image, 0, 255, out=image), np.float32(255), out=image)


def _share_memory(first: Tensor, second: Tensor) -> bool:
    return first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()


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
