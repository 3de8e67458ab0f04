"""Measuring a matrix: the same everywhere, never measured twice, and sensible on real photographs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import tiny_descriptor
from PIL import Image

import grids
from grids import GridsError, SimilarityMatrix, SimilaritySettings, cli, measure_similarity, weights, write_similarity
from grids.degradations import ELEVEN, Degradation, degradation
from grids.errors import ImageError, RunError, UnknownNameError, WeightsError
from grids.images import ReadOptions, Skipped, read_photo, write_photo
from grids.pipeline.inputs import photo_paths
from grids.pipeline.similarity import example_sheet

KINDS = ("gaussian_blur", "jpeg", "salt_pepper")
SMALL = SimilaritySettings(patches=12, patch_size=16, precision="fp32")


def darker(images: torch.Tensor, severity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return images * (1 - 0.5 * severity.view(-1, 1, 1, 1))


def speckle(images: torch.Tensor, severity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return images * (1 + 0.2 * torch.randn(images.shape, generator=generator))


class Run:
    """One measurement with the tiny descriptor, and what it reported."""

    def __init__(self, photos: Path, tiny: Path) -> None:
        self.photos, self.tiny = photos, tiny
        self.rows: list[tuple[str, bool]] = []

    def __call__(self, settings: SimilaritySettings = SMALL, **options: Any) -> SimilarityMatrix:
        self.rows = []
        options = {"images": self.photos, "degradations": KINDS, "descriptor": self.tiny, "device": "cpu"} | options
        return measure_similarity(
            settings=settings, on_row=lambda name, reused: self.rows.append((name, reused)), **options
        )

    @property
    def reused(self) -> list[str]:
        return [name for name, reused in self.rows if reused]

    @property
    def measured(self) -> list[str]:
        return [name for name, reused in self.rows if not reused]


@pytest.fixture
def run(photos: Path, tiny: Path) -> Run:
    return Run(photos, tiny)


def same(first: SimilarityMatrix, second: SimilarityMatrix) -> bool:
    return first.to_json() == second.to_json()


def test_a_measurement_records_what_it_did(run: Run, tiny: Path) -> None:
    found = run()
    assert found.degradations == KINDS
    assert set(found.ggd) == {"clean", *KINDS}
    assert np.all(found.matrix[~np.eye(3, dtype=bool)] > 0)
    assert found.low is None
    assert found.settings["patches"] == 12
    assert found.settings["components"] == round(12 * 3 / 8)
    assert found.settings["photographs"] == 5
    assert (found.settings["device"], found.settings["precision"]) == ("cpu", "fp32")
    assert found.grids_version == grids.__version__
    assert len(found.descriptor_sha256) == 64
    assert run.rows == [("clean", False), *((name, False) for name in KINDS)]


def test_every_file_of_a_run_is_the_same_in_two_folders(run: Run, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "moved" / "elsewhere")
    folders = []
    for source, out in ((photos, tmp_path / "one"), (tmp_path / "moved" / "elsewhere", tmp_path / "two" / "deep")):
        found = run(SimilaritySettings(patches=12, patch_size=16, intervals=True), images=source, out=out)
        sheet = example_sheet(source, KINDS)
        write_similarity(found, out, pictures={"examples": sheet})
        folders.append({str(f.relative_to(out)): f.read_bytes() for f in sorted(out.rglob("*")) if f.is_file()})
    first, second = folders
    assert first.keys() == second.keys()
    assert {f"rows/{name}.safetensors" for name in ("clean", *KINDS)} < first.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_rows_are_reused(run: Run, tmp_path: Path) -> None:
    first = run(out=tmp_path / "run")
    assert run.reused == []
    again = run(out=tmp_path / "run")
    assert run.measured == []
    assert same(first, again)
    assert same(first, run())
    # components and intervals are fitted again from the same rows
    run(
        SimilaritySettings(patches=12, patch_size=16, precision="fp32", components=3, intervals=True),
        out=tmp_path / "run",
    )
    assert run.measured == []


def test_another_degradation_measures_its_own_row_only(run: Run, photos: Path, tmp_path: Path) -> None:
    first = run(out=tmp_path / "run")
    shutil.copytree(photos, tmp_path / "own")
    more = run(
        out=tmp_path / "run",
        degradations=("ringing", *KINDS),
        functions={"dark": darker},
        extra={"untouched": tmp_path / "own"},
    )
    assert run.measured == ["ringing", "dark", "untouched"]
    assert more.degradations == ("ringing", *KINDS, "dark", "untouched")
    np.testing.assert_allclose(more.subset(KINDS).matrix, first.matrix, atol=1e-9)
    # the extra folder holds the clean photographs themselves
    assert more.ggd["untouched"] == more.ggd["clean"]
    assert more.settings["extra"] == {"untouched": 5}


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"patches": 13}, {"patch_size": 17}, {"layer": "body"}, {"precision": "bf16"}], ids=str
)
def test_other_settings_reuse_nothing(run: Run, tmp_path: Path, changes: dict[str, Any]) -> None:
    run(out=tmp_path)
    base = {"patches": 12, "patch_size": 16, "precision": "fp32"}
    found = run(SimilaritySettings(**base | changes), out=tmp_path)
    assert run.reused == []
    assert same(found, run(SimilaritySettings(**base | changes)))


def test_another_descriptor_or_photograph_reuses_nothing(run: Run, photos: Path, tmp_path: Path) -> None:
    run(out=tmp_path / "run")
    run(out=tmp_path / "run", descriptor=tiny_descriptor(tmp_path / "other.safetensors", seed=1))
    assert run.reused == []
    run(out=tmp_path / "run")
    photo = read_photo(photos / "p0.png")
    write_photo(photos / "p0.png", photo.with_pixels(photo.tensor().flip(1)))
    run(out=tmp_path / "run")
    assert run.reused == []


def test_damaged_and_missing_rows_are_measured_again(run: Run, tmp_path: Path) -> None:
    first = run(out=tmp_path)
    (tmp_path / "rows" / "jpeg.safetensors").write_bytes(b"cut")
    (tmp_path / "rows" / "clean.safetensors").unlink()
    assert same(run(out=tmp_path), first)
    assert run.measured == ["clean", "jpeg"]


def test_a_measurement_that_was_interrupted_goes_on(run: Run, tmp_path: Path, photos: Path, tiny: Path) -> None:
    def interrupt(name: str, reused: bool) -> None:
        if name == "gaussian_blur":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_similarity(photos, SMALL, degradations=KINDS, descriptor=tiny, out=tmp_path, on_row=interrupt)
    found = run(out=tmp_path)
    assert run.reused == ["clean", "gaussian_blur"]
    assert same(found, run())


def test_functions_of_ones_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("def fog(images, severity, generator):\n    return images * 0.5 + 0.4\n")
    found = run(
        degradations=("jpeg",),
        functions={"fog": f"{tmp_path / 'my.py'}:fog", "speckle": speckle, "soft": degradation("gaussian_blur")},
    )
    assert found.degradations == ("jpeg", "fog", "speckle", "soft")
    assert same(
        found,
        run(
            degradations=("jpeg",),
            functions={"fog": f"{tmp_path / 'my.py'}:fog", "speckle": speckle, "soft": degradation("gaussian_blur")},
        ),
    )


def test_the_same_deterministic_degradation_twice_has_no_distance(run: Run) -> None:
    def half(images: torch.Tensor, severity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return images / 2

    found = run(functions={"one": half, "two": half})
    assert found.distance("one", "two") == pytest.approx(0, abs=1e-6)
    assert found.distance("one", "jpeg") > 1


def test_a_function_that_changed_is_measured_again(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.py"
    file.write_text("def fog(images, severity, generator):\n    return images * 0.5 + 0.4\n")
    run(functions={"fog": f"{file}:fog"}, out=tmp_path / "run")
    file.write_text("def fog(images, severity, generator):\n    return images * 0.2 + 0.4\n")
    run(functions={"fog": f"{file}:fog"}, out=tmp_path / "run")
    assert run.measured == ["fog"]


def test_another_function_of_the_same_file_is_measured_again(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.py"
    file.write_text(
        "def weak(images, severity, generator):\n    return images * 0.9\n"
        "def strong(images, severity, generator):\n    return images * 0.1\n"
    )
    run(functions={"own": f"{file}:weak"}, out=tmp_path / "run")
    found = run(functions={"own": f"{file}:strong"}, out=tmp_path / "run")
    assert run.measured == ["own"]
    assert same(found, run(functions={"own": f"{file}:strong"}))


def test_another_python_function_under_the_same_name_is_measured_again(run: Run, tmp_path: Path) -> None:
    run(functions={"own": darker}, out=tmp_path)
    found = run(functions={"own": speckle}, out=tmp_path)
    assert "own" in run.measured
    assert same(found, run(functions={"own": speckle}))


def test_a_degradation_object_with_other_values_is_measured_again(run: Run, tmp_path: Path) -> None:
    class Scaled(Degradation):
        name, summary, source = "scaled", "a factor", "this test"

        def __init__(self, factor: float) -> None:
            self.factor = factor

        def identity(self) -> str:
            return str(self.factor)

        def _apply(self, images: torch.Tensor, parameters: dict[str, torch.Tensor]) -> torch.Tensor:
            return images * self.factor

    run(functions={"scaled": Scaled(0.5)}, out=tmp_path)
    run(functions={"scaled": Scaled(0.25)}, out=tmp_path)
    assert run.measured == ["scaled"]


def test_bad_images_are_reported_and_change_nothing(run: Run, photos: Path) -> None:
    expected = run()
    (photos / "a.png").write_bytes(b"no image")
    (photos / "notes.txt").write_text("not even looked at")
    skipped: list[Skipped] = []
    assert same(run(reading=ReadOptions(on_skip=skipped.append)), expected)
    assert [bad.path.name for bad in skipped] == ["a.png"]


def test_intervals(run: Run) -> None:
    found = run(SimilaritySettings(patches=12, patch_size=16, precision="fp32", intervals=True))
    assert found.low is not None
    assert found.high is not None
    assert np.all((found.low <= found.matrix) & (found.matrix <= found.high))
    np.testing.assert_array_equal(found.matrix, run().matrix)


def test_intervals_of_too_few_photographs_fail_before_anything_is_measured(run: Run, photos: Path) -> None:
    settings = SimilaritySettings(patches=12, patch_size=16, intervals=True)
    with pytest.raises(GridsError, match="at least 5 photographs"):
        run(settings, images=sorted(photos.iterdir())[:3])
    assert run.rows == []


def test_photographs_in_every_form_that_is_taken(run: Run, photos: Path) -> None:
    files = sorted(photos.iterdir())
    expected = run()
    assert same(run(images=str(photos)), expected)
    assert same(run(images=files), expected)
    assert same(run(images=[str(file) for file in files[::-1]]), expected)
    assert same(run(images=tuple(files)), expected)
    assert photo_paths(None) == photo_paths("builtin") == photo_paths(["builtin"]) == photo_paths(("builtin",))


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"degradations": ("jpeg", "gausian_blur")}, UnknownNameError, "did you mean 'gaussian_blur'"),
        ({"degradations": ("jpeg", "ringing", "jpeg")}, GridsError, "'jpeg' is named twice"),
        ({"functions": {"jpeg": darker}}, GridsError, "'jpeg' is named twice"),
        ({"functions": {"clean": darker}}, GridsError, "undegraded photographs"),
        ({"functions": {"../up": darker}}, GridsError, "letters, digits"),
        ({"functions": {"": darker}}, GridsError, "letters, digits"),
        ({"functions": {"a b": darker}}, GridsError, "letters, digits"),
        ({"functions": {"own": "nothing.py:fog"}}, GridsError, r"no file 'nothing\.py'"),
        ({"degradations": ("jpeg",)}, GridsError, "at least two"),
        ({"degradations": ()}, GridsError, "at least two"),
        ({"device": "cpuu"}, UnknownNameError, "did you mean 'cpu'"),
        ({"descriptor": "nothing.safetensors"}, WeightsError, "No such file"),
        ({"images": "nowhere"}, ImageError, "nowhere"),
        ({"images": []}, ImageError, "no image"),
        ({"extra": {"haze": "nowhere"}}, ImageError, "nowhere"),
        ({"extra": {"jpeg": "nowhere"}}, GridsError, "named twice"),
        ({"reading": ReadOptions(100)}, ImageError, "`max_pixels`"),
    ],
)
def test_wrong_names_and_values_are_refused(run: Run, options: dict[str, Any], error: type, reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        run(**options)
    assert "\n" not in str(caught.value)
    assert run.rows == []


def test_an_extra_and_a_function_of_one_name_are_refused(run: Run, photos: Path) -> None:
    with pytest.raises(GridsError, match="'own' is named twice"):
        run(functions={"own": darker}, extra={"own": photos})


def test_an_unknown_layer_is_refused(run: Run) -> None:
    with pytest.raises(GridsError, match="last"):
        run(SimilaritySettings(patches=12, patch_size=16, layer="lsat"))


def test_a_run_folder_that_is_a_file_is_refused_before_anything_is_measured(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RunError, match="file"):
        run(out=tmp_path / "file")
    assert run.rows == []
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"patches": 7}, "patches must be at least 8, but is 7"),
        ({"patches": 0}, "at least 8"),
        ({"patches": -3}, "at least 8"),
        ({"patches": 10**9}, "at most"),
        ({"patch_size": 7}, "8 to 512"),
        ({"patch_size": 513}, "8 to 512"),
        ({"components": 0}, "components must be 1 to 191"),
        ({"components": 192}, "components must be 1 to 191"),
        ({"patches": 8, "components": 8}, "components must be 1 to 7"),
        ({"seed": -1}, "seed must be 0 to 2"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(GridsError, match=reason):
        SimilaritySettings(**settings)


def test_the_published_settings() -> None:
    paper = SimilaritySettings.paper()
    assert (paper.patches, paper.used_components, paper.patch_size, paper.precision) == (800, 300, 32, "fp32")
    assert SimilaritySettings.paper(seed=3, patches=400).seed == 3
    assert SimilaritySettings(patches=800).used_components == 300


def test_a_large_seed(run: Run) -> None:
    found = run(SimilaritySettings(patches=8, patch_size=8, precision="fp32", seed=2**63 - 1))
    assert found.settings["seed"] == 2**63 - 1


FILES = {
    *("similarity.json", "similarity.csv", "heatmap.png", "heatmap.svg", "report.html"),
    *("dendrogram.png", "dendrogram.svg", "graph.png", "graph.svg"),
}


def test_all_files_of_a_run_are_written(run: Run, tmp_path: Path) -> None:
    found = run()
    skipped = [Skipped(Path("/photos/bad<1>.png"), "it is an empty file")]
    written = write_similarity(found, tmp_path / "out", skipped=skipped, order="paper")
    assert set(written) == FILES == {file.name for file in (tmp_path / "out").iterdir()}
    assert all(written[name] == tmp_path / "out" / name for name in FILES)
    loaded = grids.load_similarity(tmp_path / "out")
    assert loaded.to_json() == found.to_json()
    assert written["similarity.csv"].read_text() == found.to_csv()
    for name in FILES:
        head = written[name].read_bytes()[:300]
        expected = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype", ".json": b"{", ".csv": b"degr"}
        assert head.lower().startswith(expected[written[name].suffix].lower())
    page = written["report.html"].read_text()
    assert "bad&lt;1&gt;.png" in page
    assert "it is an empty file" in page


def test_an_unknown_order_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cluster'"):
        write_similarity(grids.builtin_similarity(), tmp_path / "out", order="clutser")
    assert not (tmp_path / "out").exists()


def test_the_matrix_that_ships() -> None:
    found = grids.builtin_similarity()
    assert found.degradations == ELEVEN
    assert set(found.ggd) == {"clean", *ELEVEN}
    assert found.low is not None
    assert (found.settings["patches"], found.settings["components"]) == (800, 300)
    assert same(found, grids.load_similarity("builtin"))
    assert found.descriptor_sha256 == weights.manifest()["srresnet_x4.safetensors"]["sha256"]


def test_real_photographs_with_the_real_descriptor(photos: Path) -> None:
    kinds = ("ringing", "defocus_blur", "gaussian_blur", "gaussian_noise", "salt_pepper")
    settings = SimilaritySettings(patches=12, patch_size=12, precision="fp32")
    found = measure_similarity(photos, settings, degradations=kinds, device="cpu")
    assert found.distance("ringing", "defocus_blur") < found.distance("ringing", "salt_pepper")
    assert found.distance("gaussian_blur", "defocus_blur") < found.distance("gaussian_blur", "gaussian_noise")
    assert found.distance("gaussian_noise", "salt_pepper") < found.distance("gaussian_noise", "defocus_blur")
    # blur lowers the spread of the features, noise raises it (SRGA)
    assert found.ggd["gaussian_blur"].sigma < found.ggd["clean"].sigma < found.ggd["salt_pepper"].sigma


def test_one_degradation_and_one_extra_are_enough(photos: Path, tiny: Path, tmp_path: Path) -> None:
    command = ["similarity", str(photos), "--degradations", "jpeg", "--extra", f"own={photos}", "--patches", "8"]
    command += ["--patch-size", "16", "--descriptor", str(tiny), "--out", str(tmp_path / "run"), "--quiet"]
    assert cli.run(command) == 0
    assert grids.load_similarity(tmp_path / "run").degradations == ("jpeg", "own")


@pytest.mark.parametrize("out", ["photos", "photos/run", "photos/../photos/run"])
def test_results_never_land_among_the_photographs(photos: Path, tiny: Path, tmp_path: Path, out: str) -> None:
    for images, extra in ((photos, {}), (sorted(photos.iterdir()), {"own": photos})):
        with pytest.raises(GridsError, match="lies among the images"):
            measure_similarity(images, extra=extra, descriptor=tiny, out=tmp_path / out)
    assert len(list(photos.iterdir())) == 5


@pytest.mark.parametrize("name", ["patches", "patch_size", "components", "seed"])
@pytest.mark.parametrize("value", ["8", 8.0, True])
def test_settings_are_whole_numbers(name: str, value: object) -> None:
    with pytest.raises(GridsError, match="must be a whole number"):
        SimilaritySettings(**{name: value})


def test_the_published_settings_keep_their_share_of_components() -> None:
    assert SimilaritySettings.paper().used_components == 300
    assert SimilaritySettings.paper(patches=24).used_components == 9


def test_a_flat_row_is_named(photos: Path, tiny: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(flat / "grey.png")
    settings = SimilaritySettings(patches=8, patch_size=16)
    with pytest.raises(GridsError, match="patches of 'few' do not vary"):
        measure_similarity(photos, settings, degradations=["jpeg"], extra={"few": flat}, descriptor=tiny)
