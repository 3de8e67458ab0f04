"""Photographs in memory or read again, and the windows that are cut from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from contracts import generator, raises_line
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from grids.errors import ImageError
from grids.images import Photo, ReadOptions, Skipped, read_photo
from grids.training import photographs as module
from grids.training.photographs import Photographs, fixed_windows, random_window


@pytest.fixture
def copies(files: list[Path], tmp_path: Path) -> list[Path]:
    """The photographs once more, to be spoilt."""
    return [Path(shutil.copy(path, tmp_path)) for path in files]


def numbered(*sizes: tuple[int, int]) -> list[Tensor]:
    """Images whose pixels tell where they are: (3, H, W) of (number, row, column)."""
    found = []
    for number, (height, width) in enumerate(sizes):
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        found.append(torch.stack([torch.full_like(rows, number), rows, columns]))
    return found


def test_pixels_are_those_of_the_files(files: list[Path]) -> None:
    photographs = Photographs(files, 16)
    assert len(photographs) == 4
    assert photographs.paths == files
    assert photographs.sizes == [(40, 48), (44, 48), (48, 48), (52, 48)]
    for number, path in enumerate(files):
        with Image.open(path) as image:
            assert np.array_equal(photographs.pixels(number).permute(1, 2, 0).numpy(), np.asarray(image))


@pytest.mark.parametrize("memory", [0, 40 * 48 * 3, 2 * 44 * 48 * 3, 10**6])
def test_memory_changes_nothing_but_memory(files: list[Path], memory: int) -> None:
    whole, limited = Photographs(files, 16), Photographs(files, 16, memory=memory)
    assert whole.digest == limited.digest
    for seed in range(12):
        assert torch.equal(whole.random_crop(16, generator(seed)), limited.random_crop(16, generator(seed)))
    assert torch.equal(whole.windows(24, 7), limited.windows(24, 7))


def test_what_does_not_fit_is_read_again(copies: list[Path]) -> None:
    kept, read = Photographs(copies, 16), Photographs(copies, 16, memory=0)
    part = Photographs(copies, 16, memory=40 * 48 * 3)
    for path in copies:
        path.unlink()
    kept.pixels(3)
    part.pixels(0)
    for photographs, number in ((read, 0), (part, 1), (part, 3)):
        raises_line(lambda p=photographs, n=number: p.pixels(n), f"'{copies[number]}'", "no such file", kind=ImageError)
    raises_line(lambda: read.random_crop(16, generator()), "no such file", kind=ImageError)


def test_a_file_that_changed_is_named(copies: list[Path]) -> None:
    photographs = Photographs(copies, 16, memory=0)
    shutil.copy(copies[1], copies[0])
    pixels = photographs.pixels(3).clone()
    pixels[0, 0, 0] ^= 1  # the size stays
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(copies[3])
    for number in (0, 3):
        raises_line(lambda n=number: photographs.pixels(n), f"'{copies[number]}'", "has changed", kind=ImageError)
    copies[2].write_bytes(copies[2].read_bytes()[:-200])
    raises_line(lambda: photographs.pixels(2), f"'{copies[2]}'", kind=ImageError)


def test_what_is_read_again_may_be_as_large_as_before(copies: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def reading(path: Path, max_pixels: int = 0) -> Photo:
        asked.append(max_pixels)
        return read_photo(path)

    monkeypatch.setattr(module, "read_photo", reading)
    Photographs(copies, 16, ReadOptions(10**9), memory=0).pixels(0)
    assert asked == [10**9]


def test_the_digest_is_of_pixels_not_of_names(copies: list[Path], files: list[Path]) -> None:
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in copies]
    whole = Photographs(files, 16).digest
    assert Photographs(moved, 16).digest == whole
    assert Photographs(moved[::-1], 16).digest != whole
    assert Photographs(moved[:3], 16).digest != whole


def test_what_cannot_be_used(copies: list[Path]) -> None:
    copies[1].write_bytes(b"no image")
    skipped: list[Skipped] = []
    photographs = Photographs(copies, 42, ReadOptions(on_skip=skipped.append))
    assert photographs.paths == copies[2:]
    assert [skip.path for skip in skipped] == copies[:2]
    raises_line(lambda: Photographs(copies, 64), "none of 4 images can be used", kind=ImageError)
    raises_line(lambda: Photographs(copies, 16, ReadOptions(100)), "none of 4 images can be used", kind=ImageError)
    raises_line(lambda: Photographs([], 16), "no images", kind=ImageError)


@given(st.lists(st.tuples(st.integers(16, 40), st.integers(16, 40)), min_size=1, max_size=5), st.integers(0, 999))
def test_random_windows_are_windows(sizes: list[tuple[int, int]], seed: int) -> None:
    images = numbered(*sizes)
    [window] = random_window([lambda i: images[i]], sizes, 16, generator(seed))
    number = int(window[0, 0, 0])
    assert bool((window[0] == number).all())
    rows, columns = window[1], window[2]
    if int(rows[0, 0]) == int(rows[0, 1]):  # not turned: rows run down, forwards or backwards
        down, across = rows[:, 0], columns[0]
    else:
        down, across = rows[0], columns[:, 0]
    for places, size in ((down, sizes[number][0]), (across, sizes[number][1])):
        assert set(places.diff().tolist()) in ({1}, {-1})
        assert 0 <= int(places.min()) <= int(places.max()) < size
    pairs = {(int(row), int(column)) for row, column in zip(rows.flatten(), columns.flatten(), strict=True)}
    assert len(pairs) == 16 * 16


def test_random_windows_take_everything() -> None:
    """All images, all eight ways to turn and mirror, and every place, the last row and column with them."""
    sizes = [(17, 18), (16, 16)]
    images = numbered(*sizes)
    source = generator()
    numbers, ways, corners = set(), set(), set()
    for _ in range(300):
        [window] = random_window([lambda i: images[i]], sizes, 16, source)
        number, top, left = (int(window[k].min()) for k in range(3))
        numbers.add(number)
        corners.add((number, top, left))
        turned = int(window[1, 0, 0]) != int(window[1, 0, 1])
        ways.add((int(window[1, 0, 0]) == top, int(window[2, 0, 0]) == left, turned))
    assert numbers == {0, 1}
    assert len(ways) == 8
    assert corners == {(0, top, left) for top in (0, 1) for left in (0, 1, 2)} | {(1, 0, 0)}


def test_random_windows_of_several_sources_are_the_same() -> None:
    sizes = [(20, 24), (18, 16)]
    images = numbered(*sizes)
    source = generator(1)
    for _ in range(40):
        one, two = random_window([lambda i: images[i], lambda i: 255 - images[i]], sizes, 16, source)
        assert torch.equal(one, 255 - two)


def test_a_window_draws_as_much_whatever_comes_out() -> None:
    images = numbered((20, 24), (16, 16))
    one, two = generator(5), generator(5)
    random_window([lambda i: images[i]], [(20, 24), (16, 16)], 16, one)
    random_window([lambda i: images[i]] * 2, [(20, 24)], 8, two)
    assert torch.equal(one.get_state(), two.get_state())


@given(
    st.lists(st.tuples(st.integers(16, 60), st.integers(16, 60)), min_size=1, max_size=6),
    st.sampled_from([8, 16]),
    st.integers(1, 14),
)
def test_fixed_windows_are_even_and_inside(sizes: list[tuple[int, int]], side: int, count: int) -> None:
    found = fixed_windows(sizes, side, count)
    assert found == fixed_windows(sizes, side, count)
    assert len(found) == count
    for number, top, left in found:
        assert 0 <= top <= sizes[number][0] - side
        assert 0 <= left <= sizes[number][1] - side
    numbers = [number for number, _, _ in found]
    times = [numbers.count(number) for number in range(len(sizes))]
    assert max(times) - min(times) <= 1
    for number, top, left in found[: len(sizes)]:  # the middle first
        assert (top, left) == ((sizes[number][0] - side) // 2, (sizes[number][1] - side) // 2)


def test_fixed_windows_of_many_images_are_spread_over_them() -> None:
    assert [number for number, _, _ in fixed_windows([(20, 20)] * 100, 16, 4)] == [0, 25, 50, 75]


def test_windows_hold_the_pixels_of_their_photographs(photographs: Photographs) -> None:
    windows = photographs.windows(24, 6)
    assert windows.shape == (6, 3, 24, 24)
    assert windows.dtype == torch.uint8
    for window, (number, top, left) in zip(windows, fixed_windows(photographs.sizes, 24, 6), strict=True):
        assert torch.equal(window, photographs.pixels(number)[:, top : top + 24, left : left + 24])


@pytest.mark.slow
def test_crops_of_a_reduced_photograph_are_means_of_what_lies_under_them() -> None:
    image = torch.randint(256, (3, 64, 80), dtype=torch.uint8, generator=generator())
    for seed in range(20):
        [window] = random_window([lambda i: image], [(64, 80)], 16, generator(seed), 0.5)
        means = F.avg_pool2d(image.float(), 2, stride=1)
        candidates = [means, means.flip(1), means.flip(2), means.flip(1, 2)]
        candidates += [one.transpose(1, 2) for one in candidates]
        windows = [w for one in candidates for w in one.unfold(1, 31, 1).unfold(2, 31, 1).flatten(1, 2).transpose(0, 1)]
        assert min(float((w[..., ::2, ::2] - window.float()).abs().max()) for w in windows) <= 1
    # no photograph is enlarged: a small one is reduced less
    [window] = random_window([lambda i: image[:, :20, :20]], [(20, 20)], 16, generator(), 0.5)
    assert window.shape == (3, 16, 16)
    [whole] = random_window([lambda i: image[:, :16, :16]], [(16, 16)], 16, generator(3), 0.5)
    assert sorted(whole.flatten().tolist()) == sorted(image[:, :16, :16].flatten().tolist())
