"""What a degradation is: parameters drawn from a generator, then a deterministic map of an image batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from grids.degradations.ranges import Range, Span
from grids.devices import exact_float32, for_each, keep_freed_memory, moved
from grids.errors import GridsError
from grids.random import draw_seeds

Parameters = dict[str, Tensor]
OURS = "grids.degradations."
"""Where the modules of the built-in kinds lie."""


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
    choices: ClassVar[tuple[tuple[str, range], ...]] = ()
    """Parameters that are whole numbers, and which of them there are: `apply` refuses others."""
    noise: ClassVar[bool] = False
    """Whether it adds noise that is independent in every pixel and, before it is clipped, has a mean of 0: cameras make
    it coarser."""
    adds: ClassVar[bool] = False
    """Whether it adds something (noise, blocks, streaks, defects) and is not there to take detail away: a restorer then
    learns from soft photographs, too."""
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
        parameters = {
            r.name: r.draw(shape[0], generator, span) if levels is None else r.at(levels, span)
            for r in self.drawn_ranges(levels, span)
        }
        return parameters | self._sample(shape, generator)

    def apply(self, images: Tensor, parameters: Parameters, round_to_8_bit: bool = True, clip: bool = True) -> Tensor:
        """Degrade a batch: the same images and parameters give the same result on one type of device.

        Args:
            images: (B, 3, H, W), float32 RGB in [0, 1].
            parameters: what `sample` returned for this batch.
            round_to_8_bit: round the result to multiples of 1/255, as a file would.
            clip: False leaves values below 0 and above 1 as they are, and rounds nothing: noise whose mean is 0.

        Returns:
            (B, 3, H, W), float32 in [0, 1], on the device of `images`.

        Raises:
            GridsError: the images are not such a batch, or a parameter is missing, for another number of images, not
                finite, or none of `choices`.
        """
        _checked_shape(images.shape)
        if images.dtype != torch.float32:
            raise GridsError(f"images must be float32 in [0, 1], but are {images.dtype}")
        check_parameters(parameters, len(images))
        for name, allowed in self.choices:
            if wrong := [value for value in _Given(parameters)[name].tolist() if value not in allowed]:
                raise GridsError(f"the parameter '{name}' must be one of {str([*allowed])[1:-1]}, but is {wrong[0]:g}")
        keep_freed_memory()
        # other kinds of device lack operations that some degradations need (Poisson counts, Bessel functions)
        device = images.device if images.device.type in ("cpu", "cuda") else torch.device("cpu")
        # seeds stay where they are: a GPU would have to be waited for to read them back
        here = _Given((name, value if name == "seed" else moved(value, device)) for name, value in parameters.items())
        # mixed precision is for networks: 8-bit results need more than bf16's 8 bits of precision
        with torch.autocast(device.type, enabled=False), exact_float32():
            result = self._apply(images.to(device).contiguous(), here).to(images.device)
        own = type(self).__module__.startswith(OURS)  # others may return a tensor that they keep
        if not own or result.requires_grad or not result.is_contiguous() or _share_memory(result, images):
            result = result.clone(memory_format=torch.contiguous_format)
        return result if self.rounded or not clip else _finished(result, round_to_8_bit)

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


def check_parameters(parameters: Parameters, count: int) -> None:
    """See that every parameter is finite and has one row for each image of a batch.

    Args:
        parameters: what `Degradation.sample` returned.
        count: the number of images.

    Raises:
        GridsError: a parameter is a single number, has more or fewer rows, or is not finite.
    """
    for name, value in parameters.items():
        if value.ndim == 0:
            raise GridsError(f"the parameter '{name}' must have a value for each image, but is a single number")
        if len(value) != count:
            raise GridsError(f"the parameter '{name}' is for {len(value)} images, but there are {count}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise GridsError(f"the parameter '{name}' must be finite")


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


class _Given(Parameters):
    """The parameters of a batch, which say so where one is missing."""

    def __missing__(self, name: str) -> Tensor:
        raise GridsError(f"there is no parameter '{name}' (given: {', '.join(self) or 'none'})")


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
    if len(wrong := levels[~((levels >= 0) & (levels <= 1))]):  # NaN fails too
        raise GridsError(f"severity must lie in [0, 1], but is {wrong[0]:g}")
    return levels.expand(count)
