"""Tasks: degradations on clean crops, and own pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import generator, noise_images, raises_line
from PIL import Image

from grids.degradations import degradation
from grids.degradations.plugins import FunctionDegradation
from grids.errors import GridsError, ImageError
from grids.training.photographs import Photographs
from grids.training.tasks import Pairs, Synthesized, Task, fingerprint


def folders(tmp_path: Path, count: int = 7, make: Callable[[np.ndarray], np.ndarray] = lambda x: 255 - x) -> Pairs:
    """Pairs whose targets are a function of their inputs."""
    source = np.random.default_rng(0)
    for number in range(count):
        image = source.integers(0, 256, (24 + 4 * number, 32, 3), dtype=np.uint8)
        save(tmp_path / "in" / f"{number}.png", image)
        save(tmp_path / "out" / f"{number}.png", make(image))
    return Pairs("mine", tmp_path / "in", tmp_path / "out", 16)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def flat(height: int, width: int, level: int = 9) -> np.ndarray:
    return np.full((height, width, 3), level, dtype=np.uint8)


def levels(batch: torch.Tensor) -> torch.Tensor:
    return batch.mul(255).round().to(torch.int)


# ---------------------------------------------------------------- synthesized


def test_a_synthesized_task_degrades_clean_crops() -> None:
    kind = degradation("gaussian_noise")
    clean = noise_images(3, 3, 16, 16).mul(255).round().div(255)
    inputs, targets = Synthesized(kind).draw(clean, generator(4))
    assert torch.equal(inputs, kind(clean, generator(4)))
    assert torch.equal(targets, clean)


def test_examples_of_a_synthesized_task_are_fixed(photographs: Photographs) -> None:
    task = Synthesized(degradation("jpeg"))
    inputs, targets = task.examples(photographs, 24, 5, seed=7)
    assert inputs.shape == targets.shape == (5, 3, 24, 24)
    assert inputs.dtype == targets.dtype == torch.uint8
    assert torch.equal(targets, photographs.windows(24, 5))
    assert not torch.equal(inputs, targets)
    again, _ = Synthesized(degradation("jpeg")).examples(photographs, 24, 5, seed=7)
    assert torch.equal(inputs, again)
    assert not torch.equal(inputs, task.examples(photographs, 24, 5, seed=8)[0])


def test_tasks_are_told_apart_by_their_identities() -> None:
    first, second = Synthesized(degradation("jpeg")), Synthesized(degradation("gaussian_noise"))
    assert first.identity() == Synthesized(degradation("jpeg")).identity() != second.identity()
    assert fingerprint([first, second]) == fingerprint([first, second])
    assert len({fingerprint(tasks) for tasks in ([], [first], [second], [first, second], [second, first])}) == 5


def test_a_function_of_unknown_source_is_never_the_same_task() -> None:
    def dark(images: torch.Tensor, severity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return images / 2

    tasks = [Synthesized(FunctionDegradation("dark", dark)) for _ in range(2)]
    assert tasks[0].identity() != tasks[1].identity()
    assert tasks[0].identity() == tasks[0].identity()


# ---------------------------------------------------------------- pairs


def test_both_images_of_a_pair_are_cut_and_turned_alike(tmp_path: Path) -> None:
    task = folders(tmp_path)
    inputs, targets = task.draw(torch.zeros(60, 3, 16, 16), generator())
    assert inputs.shape == targets.shape == (60, 3, 16, 16)
    assert inputs.dtype == torch.float32
    assert torch.equal(levels(inputs), 255 - levels(targets))


def test_pairs_are_turned_and_mirrored(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:16, 0:16]
    for name in "ab":
        save(tmp_path / "in" / f"{name}.png", np.stack([rows, columns, rows], axis=2).astype(np.uint8))
    (tmp_path / "out").symlink_to(tmp_path / "in")
    inputs, _ = Pairs("mine", tmp_path / "in", tmp_path / "out", 16).draw(torch.zeros(80, 3, 16, 16), generator())
    assert len({tuple(levels(image)[:2, 0, :2].flatten().tolist()) for image in inputs}) == 8


def test_pairs_ignore_the_clean_crops_but_for_their_number_and_size(tmp_path: Path) -> None:
    task = folders(tmp_path)
    one, _ = task.draw(torch.zeros(3, 3, 16, 16), generator(1))
    two, _ = task.draw(torch.ones(3, 3, 16, 16), generator(1))
    assert torch.equal(one, two)
    assert not torch.equal(one, task.draw(torch.zeros(3, 3, 16, 16), generator(2))[0])


def test_what_is_measured_on_is_never_learnt_from(tmp_path: Path) -> None:
    """Every image is flat and shows its number: 0, 5 and 10 of eleven are held out."""
    for number in range(11):
        save(tmp_path / "in" / f"{number:02}.png", flat(20, 24, number))
        save(tmp_path / "out" / f"{number:02}.png", flat(20, 24, 100 + number))
    task = Pairs("mine", tmp_path / "in", tmp_path / "out", 16)
    inputs, targets = (levels(part) for part in task.draw(torch.zeros(300, 3, 16, 16), generator()))
    assert set(inputs.unique().tolist()) == {1, 2, 3, 4, 6, 7, 8, 9}
    assert torch.equal(targets, inputs + 100)
    photographs = Photographs(sorted((tmp_path / "in").iterdir()), 16)
    inputs, targets = task.examples(photographs, 16, 7, seed=0)
    assert inputs[:, 0, 0, 0].tolist() == [0, 5, 10, 0, 5, 10, 0]
    assert torch.equal(targets, inputs + 100)
    assert inputs.shape == (7, 3, 16, 16)


def test_two_pairs_are_enough(tmp_path: Path) -> None:
    task = folders(tmp_path, 2)
    assert task.draw(torch.zeros(2, 3, 16, 16), generator())[0].shape == (2, 3, 16, 16)


def test_names_count_without_their_suffix_and_with_their_folder(tmp_path: Path) -> None:
    for folder, suffix, level in (("in", "png", 10), ("out", "bmp", 20)):
        for i, name in enumerate(("a/x", "b/x", "y.z")):
            save(tmp_path / folder / f"{name}.{suffix}", flat(16, 16, level + i))
    task = Pairs("mine", tmp_path / "in", tmp_path / "out", 16)
    inputs, targets = (levels(part) for part in task.draw(torch.zeros(20, 3, 16, 16), generator()))
    assert torch.equal(targets, inputs + 10)


def test_identity_of_pairs_is_that_of_their_pixels(tmp_path: Path) -> None:
    first, again = folders(tmp_path / "one").identity(), folders(tmp_path / "two").identity()
    assert first == again
    save(tmp_path / "two" / "out" / "3.png", flat(36, 32))
    assert Pairs("mine", tmp_path / "two" / "in", tmp_path / "two" / "out", 16).identity() != first
    assert Pairs("other", tmp_path / "one" / "in", tmp_path / "one" / "out", 16).identity() != first


@pytest.mark.parametrize("where", ["in", "out"])
def test_a_missing_partner_is_named(tmp_path: Path, where: str) -> None:
    folders(tmp_path)
    other = {"in": "out", "out": "in"}[where]
    (tmp_path / where / "3.png").unlink()
    raises_line(
        lambda: Pairs("mine", tmp_path / "in", tmp_path / "out", 16),
        f"'{tmp_path / other / '3.png'}' has no partner in '{tmp_path / where}'",
        "'mine'",
    )


def test_two_images_of_one_name_are_named(tmp_path: Path) -> None:
    folders(tmp_path)
    save(tmp_path / "in" / "3.bmp", flat(36, 32))
    raises_line(
        lambda: Pairs("mine", tmp_path / "in", tmp_path / "out", 16), "3.bmp", "3.png", "one name", kind=ImageError
    )


def test_partners_of_different_sizes_are_named(tmp_path: Path) -> None:
    folders(tmp_path)
    save(tmp_path / "out" / "3.png", flat(32, 36))
    message = raises_line(lambda: Pairs("mine", tmp_path / "in", tmp_path / "out", 16), "'3.png'", "'mine'")
    assert "32 x 36 and 36 x 32" in message  # width x height


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    raises_line(lambda: folders(tmp_path, 1), "'mine' are too few", "2 are needed", "there is 1")


def test_pairs_that_cannot_be_used(tmp_path: Path) -> None:
    folders(tmp_path)
    raises_line(lambda: Pairs("mine", tmp_path / "in", tmp_path / "out", 32), "'mine'", "at least 32 are needed")
    (tmp_path / "in" / "2.png").write_bytes(b"no image")
    raises_line(lambda: Pairs("mine", tmp_path / "in", tmp_path / "out", 16), "'mine'", "cannot be used")


def test_a_missing_folder_and_a_bad_name(tmp_path: Path) -> None:
    folders(tmp_path)
    raises_line(lambda: Pairs("mine", tmp_path / "in", tmp_path / "none", 16), str(tmp_path / "none"), kind=ImageError)
    raises_line(lambda: Pairs("A b", tmp_path / "in", tmp_path / "out", 16), "A b", kind=GridsError)


def test_tasks_are_abstract() -> None:
    with pytest.raises(TypeError):
        Task()  # type: ignore[abstract]
