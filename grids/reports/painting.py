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


@cache
def nearness_map() -> ListedColormap:
    """The colour map of S: dark and saturated for small S (alike), pale for large S; 256 colours.

    It is perceptually uniform: equal steps of S look equally far apart, as lightness rises evenly in OKLCH.
    """
    stops = np.array(_STOPS)
    at = np.linspace(0, len(stops) - 1, 256)
    light, chroma, hue = (np.interp(at, range(len(stops)), stops[:, k]) for k in range(3))
    return ListedColormap(_oklch_to_rgb(light, chroma, np.radians(hue)), name="nearness")


def scale(*matrices: SimilarityMatrix) -> Normalize:
    """Choose one colour scale for all off-diagonal values of some matrices.

    Args:
        matrices: one or more.

    Returns:
        A map from S to [0, 1]. Its ends are rounded outwards to half units of S and lie at least 1 apart; 0 to 5 where
        there is no value off the diagonal.
    """
    values = np.concatenate([m.matrix[~np.eye(len(m), dtype=bool)] for m in matrices])
    if values.size == 0:
        return Normalize(0.0, 5.0)
    low, high = float(np.floor(values.min() * 2) / 2), float(np.ceil(values.max() * 2) / 2)
    return Normalize(low, max(high, low + 1.0))


def contrast(first: Any, second: Any) -> float:
    """The WCAG contrast ratio of two colours, which tells whether text can be read on a ground.

    Args:
        first, second: any colours of matplotlib's; their order does not matter. Opacity is ignored.

    Returns:
        1 (equal) to 21 (black on white); text needs 4.5.

    Example:
        >>> round(contrast("black", "white"), 1)
        21.0
    """
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: Any) -> str:
    """Choose the colour of text on a ground.

    Args:
        colour: of the ground, any colour of matplotlib's.

    Returns:
        "black" or "white", whichever has more contrast; it is never below 4.5.

    Example:
        >>> readable_on("#0072B2"), readable_on("#F0E442")
        ('white', 'black')
    """
    return max(("black", "white"), key=lambda ink: contrast(ink, colour))


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
