"""What all figures share: style, axes, text that fits, bytes that never vary. Object API only, no global state."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, wraps
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from grids.errors import GridsError

INK, MUTED, BLANK = "#1f2933", "#66727f", "#e6e8eb"
DPI = 160
SPREAD = 8  # times delta: where drops reach farther than that, their axis goes on logarithmically
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "grids",
    "svg.fonttype": "path",
}
P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Set the style of all figures for the block inside, whatever the user's matplotlibrc says.

    The settings are matplotlib's global ones. The user's come back afterwards, also after an error; meanwhile they hold
    for all threads.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def painted(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: it runs inside `style`, with the user's settings back afterwards.

    Args:
        function: what draws.

    Returns:
        A function with the same arguments and result.
    """

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return function(*args, **kwargs)

    return inside


@painted
def figure_bytes(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Encode a figure as a file: the same bytes for the same figure, with no date or version in it.

    Args:
        figure: what to write; pixels of a PNG are 1/160 inch.
        kind: "png" or "svg"; text of an SVG is outlines, so that it looks the same without the font.

    Returns:
        The content of the file, on white.

    Raises:
        GridsError: kind is neither "png" nor "svg".
    """
    nothing: dict[str, dict[str, str | None]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
    }
    if kind not in nothing:
        raise GridsError(f"a figure can be written as png or svg, but not as '{kind}'")
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=DPI, metadata=nothing[kind], facecolor="white")
    return out.getvalue()


class Drawing:
    """A figure as the bytes of its files, each made when it is first asked for and then kept.

    Args:
        figure: must not change afterwards.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    @cached_property
    def png(self) -> bytes:
        """The PNG file."""
        return figure_bytes(self._figure, "png")

    @cached_property
    def svg(self) -> bytes:
        """The SVG file."""
        return figure_bytes(self._figure, "svg")


@lru_cache(maxsize=4096)
def text_inches(text: str, size: float) -> tuple[float, float]:
    """Measure one line of text in the figures' font, DejaVu Sans.

    Args:
        text: dollar signs are no mathematics.
        size: points.

    Returns:
        Width and height, inches. The last 4096 answers are kept, since figures ask for the same names again.
    """
    with style():
        ruler = Figure(figsize=(1, 1), dpi=100)
        artist = ruler.text(0, 0, text, fontsize=size, parse_math=False)
        box = artist.get_window_extent(FigureCanvasAgg(ruler).get_renderer())
    return box.width / 100, box.height / 100


def widest(texts: tuple[str, ...] | list[str], size: float) -> float:
    """The width of the widest of some lines of text.

    Args:
        texts: the lines; 0.0 is returned where there are none.
        size: points.

    Returns:
        Inches.
    """
    return max((text_inches(text, size)[0] for text in texts), default=0.0)


def fitted(text: str, size: float, width: float) -> str:
    """Cut a text to a width, with an ellipsis in place of its end.

    Args:
        text: one line.
        size: points.
        width: inches.

    Returns:
        The text itself where it is narrow enough; the ellipsis alone where not even one letter fits.
    """
    if text_inches(text, size)[0] <= width:
        return text
    for end in range(len(text) - 1, 0, -1):
        cut = text[:end].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
        if text_inches(cut, size)[0] <= width:
            return cut
    return "\N{HORIZONTAL ELLIPSIS}"


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes to a figure, at a place in inches instead of shares of the figure.

    Args:
        figure: changed in place; its size must not change afterwards, as the axes would grow with it.
        left, bottom: of the lower left corner, inches from that of the figure.
        width, height: inches.
    """
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def color_bar(axes: Axes, norm: Normalize, colours: Colormap, title: str, size: float, **options: Any) -> None:
    """Fill axes with the bar of a colour scale.

    Args:
        axes: of the shape of the bar; changed in place.
        norm: from values to [0, 1].
        colours: from there to colours.
        title: beside the bar.
        size: of the title, points.
        options: of matplotlib's `colorbar`.
    """
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=axes, **options)
    bar.outline.set_visible(False)
    axes.tick_params(length=2, labelsize=8)
    bar.set_label(title, fontsize=size)


def set_scale(axes: Axes, which: Literal["x", "y"], low: float, high: float, delta: float) -> None:
    """Set limits and scale of an axis that shows drops, so that a few large ones do not squeeze the others.

    Where all values lie within 8 delta the axis is linear. Otherwise it is linear up to 2 delta on both sides of 0 and
    logarithmic beyond. A delta below 0.05 dB counts as 0.05.

    Args:
        axes: changed in place.
        which: the axis to set, "x" or "y".
        low, high: the smallest and the largest value to show, dB.
        delta: the largest drop that was allowed, dB.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_limits: Any = axes.set_xlim if which == "x" else axes.set_ylim
    linear = 2 * max(delta, 0.05)
    if max(high, -low) <= SPREAD * max(delta, 0.05):
        air = 0.07 * max(high - low, 0.1)
        set_limits(low - (air if low < 0 or which == "y" else 0), high + air)
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=linear)
    set_limits(low * 1.5 if low < -linear else low - (0.25 * linear if low < 0 or which == "y" else 0), high * 1.5)
    decades = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
    kept = [value for value in decades if value > 1.5 * linear and value < 1.5 * max(high, -low)]
    if len(kept) > 7:
        kept = [value for value in kept if f"{value:e}".startswith("1")]
    ticks = [0.0, linear / 2, linear, *kept]
    bottom, top = min(low, 0.0) * 1.5, high * 1.5
    axis.set_major_locator(FixedLocator([v for v in (*(-t for t in ticks[:0:-1]), *ticks) if bottom <= v <= top]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def label_above(axes: Axes, x: float, label: str, size: float) -> None:
    """Write a label over axes, above a place in them, but not beyond their left or right end.

    Args:
        axes: with their limits set; changed in place.
        x: the place, in the data of the axes.
        label: one line, narrower than the axes.
        size: points.
    """
    share = float(axes.transAxes.inverted().transform(axes.transData.transform((x, 0)))[0])
    half = text_inches(label, size)[0] / 2 / (axes.bbox.width / axes.figure.dpi)
    place: dict[str, Any] = {"xytext": (0, 4), "xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(label, (min(max(share, half), 1 - half), 1), ha="center", fontsize=size, **place)
