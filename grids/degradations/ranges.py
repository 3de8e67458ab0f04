"""The values that a parameter of a degradation takes, from the faintest to the strongest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from grids.errors import unknown_name
from grids.random import spread_evenly

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

        Raises:
            UnknownNameError: there is no such span.

        >>> Range("quality", 60, 10, "of 100", whole=True, faint=74).ends("low")
        (74, 60)
        """
        if span not in SPANS:
            raise unknown_name("span", span, SPANS)
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
