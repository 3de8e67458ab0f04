"""Tests."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from reports.figures_and_pages import HOSTILE, Page, png
from reports.sample_records import NAMES, comparison_page, eleven, made, random_matrix, similarity_page

from grids.errors import GridsError
from grids.reports.tables import compare


@pytest.fixture(scope="module")
def page() -> str:
    skipped = [("a<b>.png", "too small")]
    return similarity_page(eleven(), title="A title", pictures={"examples": png()}, skipped=skipped)


def test_page_holds_what_was_measured(page: str) -> None:
    text = Page(page).text
    similarity = eleven()
    assert similarity.low is not None and similarity.high is not None
    for i, j in np.argwhere(~np.eye(11, dtype=bool)):
        assert f"{similarity.matrix[i, j]:.2f}" in text
        assert f"{similarity.low[i, j]:.2f}–{similarity.high[i, j]:.2f}" in text
    for name, params in similarity.ggd.items():
        assert f"{name.replace('_', ' ')} {params.alpha:.3f} {params.sigma:#.4g}" in text
    for part in (
        "A title",
        "a<b>.png too small",
        "3f5a" * 3 + "…",
        "0.1.0",
        "log10((KL_ij + KL_ji) / 2 + 1e-5) + 5",
    ):
        assert part in text
    assert all(name.replace("_", " ") in text for name in NAMES)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_page_of_few_and_many(count: int) -> None:
    page = Page(similarity_page(random_matrix(count), title="t"))
    assert "interval" not in page.text
    assert len([tag for tag, _ in page.tags if tag == "img"]) == (1 if count == 1 else 3)


def test_page_loads_nothing_and_describes_its_pictures(page: str) -> None:
    assert "http:" not in page and "https:" not in page
    for tag, attributes in Page(page).tags:
        assert tag not in {"script", "iframe", "object", "embed"}
        for key in ("src", "href"):
            assert (attributes.get(key) or "data:").startswith("data:")
        if tag == "img":
            assert attributes["alt"]
    assert not re.search(r"@import|url\(", page)
    for kind, data in re.findall(r'src="data:image/([a-z+]+);base64,([^"]+)"', page):
        assert base64.b64decode(data).startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_hostile_text_is_escaped() -> None:
    names = [HOSTILE, "a&b", '"><img src=x>', "d"]
    similarity = made(names, np.eye(4), settings={HOSTILE: HOSTILE}, descriptor_sha256=HOSTILE, grids_version=HOSTILE)
    hostile = {"title": HOSTILE}
    report = similarity_page(similarity, pictures={HOSTILE: png()}, skipped=[(HOSTILE, HOSTILE)], **hostile)  # type: ignore[arg-type]
    other = made(names, 2 * np.eye(4), settings={HOSTILE: 2})
    compared = compare(similarity, other, (HOSTILE, "b"))
    comparison = comparison_page([compared], [(HOSTILE, similarity), ("b", other)], **hostile)  # type: ignore[arg-type]
    for page in (report, comparison):
        assert "<script" not in page and "<img src=x" not in page
        assert HOSTILE in Page(page).text


def test_the_same_page_twice(page: str) -> None:
    skipped = [("a<b>.png", "too small")]
    again = similarity_page(eleven(), title="A title", pictures={"examples": png()}, skipped=skipped)
    assert again == page


def test_a_picture_must_be_a_png() -> None:
    with pytest.raises(GridsError, match="'photo'"):
        similarity_page(random_matrix(2), title="t", pictures={"photo": b"GIF89a"})


def test_comparison_page() -> None:
    first, second = eleven(), eleven(2).subset(NAMES[:9])
    result = compare(first, second, ("paper", "ours_v2"))
    page = Page(comparison_page([result], [("paper", first), ("ours_v2", second)], title="Two runs"))
    assert result.spearman is not None
    top = result.changes[0]
    for part in (
        f"{result.spearman:.3f}",
        f"{top.s_first:.2f} {top.s_second:.2f} {top.change:+.2f}",
        "15 largest of 36",
    ):
        assert part in page.text
    assert "Only in paper: gaussian noise, salt pepper." in page.text and "seed 0 2" in page.text
