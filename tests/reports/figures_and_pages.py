"""What the tests of reports look at: where the texts of a figure lie, and whether a page is whole."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from grids.reports import painting
from grids.reports.sheet import contact_sheet


def texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    with painting.style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        found = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        return [(text, text.get_window_extent(canvas.get_renderer())) for text in found]


def assert_inside(figure: Figure) -> None:
    with painting.style():
        drawn = figure.get_tightbbox()
    assert min(drawn.x0, drawn.y0) >= -1e-6
    assert np.all(np.array([drawn.x1, drawn.y1]) <= figure.get_size_inches() + 1e-6)


def boxes_overlap(figure: Figure, words: set[str]) -> bool:
    boxes = [box for text, box in texts(figure) if text.get_text() in words]
    assert len(boxes) == len(words)
    return any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


HOSTILE = "<script>alert('x')</script>"
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Tags with attributes, and whether every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


def png() -> bytes:
    return contact_sheet([("jpeg", np.zeros((8, 8, 3), np.uint8))])
