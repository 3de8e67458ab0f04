"""What all figures share: style, colours, text that fits, bytes that never vary. Object API only, no global state."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache, wraps
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.figure import Figure

from grids.errors import GridsError
from grids.results import FloatArray, SimilarityMatrix

INK, MUTED, BLANK = "#1f2933", "#66727f", "#e6e8eb"
SCALE_TITLE = "S (small = alike)"
DPI = 160
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
# lightness, chroma and hue (degrees) of the colour map's stops in OKLCH; even steps of lightness make it uniform
_STOPS = ((0.27, 0.095, 282.0), (0.445, 0.105, 250.0), (0.62, 0.10, 205.0), (0.795, 0.095, 165.0), (0.97, 0.045, 115.0))

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The figures' style, whatever the user's matplotlibrc says; the user's settings come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def painted(function: Callable[P, R]) -> Callable[P, R]:
    """Run a painting function inside `style`."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return function(*args, **kwargs)

    return inside


@painted
def figure_bytes(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """The file of a figure: the same bytes for the same figure, with no date or version in it.

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
    """A figure as the bytes of its files, each drawn when it is first wanted, and once."""

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


@cache
def nearness_map() -> ListedColormap:
    """A perceptually uniform map: dark and saturated for small S (alike), pale for large S."""
    stops = np.array(_STOPS)
    at = np.linspace(0, len(stops) - 1, 256)
    light, chroma, hue = (np.interp(at, range(len(stops)), stops[:, k]) for k in range(3))
    return ListedColormap(_oklch_to_rgb(light, chroma, np.radians(hue)), name="nearness")


def scale(*matrices: SimilarityMatrix) -> Normalize:
    """One colour scale for all off-diagonal values of the matrices, ends rounded outwards to half units of S."""
    values = np.concatenate([m.matrix[~np.eye(len(m), dtype=bool)] for m in matrices])
    if values.size == 0:
        return Normalize(0.0, 5.0)
    low, high = float(np.floor(values.min() * 2) / 2), float(np.ceil(values.max() * 2) / 2)
    return Normalize(low, max(high, low + 1.0))


def contrast(first: Any, second: Any) -> float:
    """The WCAG contrast ratio of two colours, 1 to 21; text needs 4.5."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: Any) -> str:
    """Black or white, whichever reads better on a colour; never below a contrast of 4.5."""
    return max(("black", "white"), key=lambda ink: contrast(ink, colour))


@lru_cache(maxsize=4096)
def text_inches(text: str, size: float) -> tuple[float, float]:
    """Width and height in inches of one line of text in the figures' font; `size` in points."""
    with style():
        ruler = Figure(figsize=(1, 1), dpi=100)
        artist = ruler.text(0, 0, text, fontsize=size, parse_math=False)
        box = artist.get_window_extent(FigureCanvasAgg(ruler).get_renderer())
    return box.width / 100, box.height / 100


def widest(texts: tuple[str, ...] | list[str], size: float) -> float:
    """The width in inches of the widest of some lines of text."""
    return max((text_inches(text, size)[0] for text in texts), default=0.0)


def fitted(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis where it would be wider than `width` inches."""
    if text_inches(text, size)[0] <= width:
        return text
    for end in range(len(text) - 1, 0, -1):
        cut = text[:end].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
        if text_inches(cut, size)[0] <= width:
            return cut
    return "\N{HORIZONTAL ELLIPSIS}"


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def _oklch_to_rgb(light: FloatArray, chroma: FloatArray, hue: FloatArray) -> FloatArray:
    # Ottosson's OKLab (2020): to cone responses, to linear sRGB, to sRGB; what is out of gamut is clipped
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cones = np.stack(
        [
            light + 0.3963377774 * a + 0.2158037573 * b,
            light - 0.1055613458 * a - 0.0638541728 * b,
            light - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((to_linear @ cones**3).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _luminance(colour: Any) -> float:
    rgb = np.array(to_rgb(colour), dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
