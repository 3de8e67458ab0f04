"""`grids restore` with a selector that is told what to say, and tiny networks."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from command_line import Call
from PIL import Image

from grids.images import Photo, read_photo
from grids.networks import NAFNet, build
from grids.networks.table import TABLE, Preset
from grids.restoration.models import save_restorer
from grids.results.selection import CLEAN, KNOWN, UNKNOWN, Ranked, Selection
from grids.selection import selector


class Told:
    """Calls dark images clean, bright ones unknown, all others C1's."""

    groups: tuple[SimpleNamespace, ...] = ()

    @classmethod
    def builtin(cls, device: str = "auto") -> Told:
        return cls()

    @classmethod
    def from_run(cls, path: Path, device: str = "auto") -> Told:
        return cls()

    def select(self, photo: Photo, method: str = "ours") -> Selection:
        mean = float(photo.tensor().mean())
        verdict = CLEAN if mean < 0.1 else UNKNOWN if mean > 0.9 else KNOWN
        ranking = (Ranked("C1", ("jpeg",), 0.1, 0.8, 1.5), Ranked("C2", ("ringing",), 2.0, 0.2, None))
        return Selection("", verdict, ranking, {"jpeg": 0.8, "clean": 0.2}, 1.5, (0.5, 2.5))


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in this process, in a folder with a few images: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(
        TABLE, "nafnet", Preset(NAFNet, "tiny", {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)})
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = save_restorer(
            tmp_path / "c1.safetensors",
            TABLE["nafnet"].network(**TABLE["nafnet"].options),
            {"preset": "nafnet", "tasks": ["jpeg"]},
        )
    groups = (
        SimpleNamespace(id="C1", degradations=("jpeg",), weights=weights, network=None),
        SimpleNamespace(id="C2", degradations=("ringing",), weights=None, network=None),
    )
    monkeypatch.setattr(Told, "groups", groups)
    monkeypatch.setattr("grids.selection.selector.Selector", Told)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(60, 200, (40, 50, 4), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "in" / "a.png", exif=_exif(), icc_profile=None)
    Image.fromarray(np.zeros((9, 8, 3), np.uint8)).save(tmp_path / "in" / "dark.jpg", quality=60)
    Image.fromarray(np.full((9, 8), 255, np.uint8)).save(tmp_path / "in" / "sub" / "bright.png")
    Image.fromarray(noise[..., 0]).convert("P").save(tmp_path / "in" / "palette.gif")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG")
    return lambda *arguments: call("restore", *arguments, "--device", "cpu")


def _exif() -> Any:
    exif = Image.Exif()
    exif[315] = "somebody"
    return exif


def test_one_image_is_restored_with_its_group(call: Call, tmp_path: Path) -> None:
    code, out, err = call("in/a.png", "--compare", "side.png", "--report", "page.html")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "in/a.png: known, group C1, likely jpeg (80 %), predicted gain +1.50 dB (+0.50 to +2.50)"
    assert second.startswith("  restored with C1 (")
    assert second.endswith("->  a_restored.png")
    before, after = read_photo(tmp_path / "in" / "a.png"), read_photo(tmp_path / "a_restored.png")
    assert not np.array_equal(before.pixels, after.pixels)
    assert np.array_equal(before.alpha, after.alpha)  # type: ignore[arg-type]
    assert after.metadata.exif is not None
    assert b"somebody" in after.metadata.exif
    assert read_photo(tmp_path / "side.png").width > 400
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 1
    assert "C1 80 %, C2 20 %" in page


@pytest.mark.parametrize(("name", "says"), [("dark.jpg", "clean"), ("sub/bright.png", "--group ID")])
def test_untouched_is_untouched(call: Call, tmp_path: Path, name: str, says: str) -> None:
    source = tmp_path / "in" / name
    for target in ("out" + source.suffix, "out.tif"):
        code, out, err = call(source, "-o", target)
        assert (code, err) == (0, "")
        assert says in out
        assert np.array_equal(read_photo(source).pixels, read_photo(tmp_path / target).pixels)
    assert (tmp_path / ("out" + source.suffix)).read_bytes() == source.read_bytes()


def test_a_folder_is_restored_and_its_tree_kept(call: Call, tmp_path: Path) -> None:
    code, out, err = call("in", "-o", "done", "--steps", "2")
    assert code == 0
    assert out.splitlines()[-1] == "2 of 4 images restored, 2 clean or unknown, all in done"
    assert err.splitlines()[-1] == "1 image skipped"
    assert "broken.png" in err
    names = {path.relative_to(tmp_path / "done").as_posix() for path in (tmp_path / "done").rglob("*.*")}
    assert names == {"a.png", "dark.png", "palette.png", "sub/bright.png", "restored.json", "report.html"}
    page = (tmp_path / "done" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 2
    assert "broken.png" in page
    records = json.loads((tmp_path / "done" / "restored.json").read_text())
    assert [record["why"] for record in records] == ["uncertain", "clean", "uncertain", "unknown"]
    assert records[0]["output"] == "done/a.png"
    assert len(records[0]["steps"]) == 2


def test_the_head_of_a_restorer_can_be_named(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("martyniuk-resnet-small", ("jpeg", "rain"))
    weights = save_restorer(tmp_path / "c3.safetensors", network, {"preset": "martyniuk-resnet-small"})
    group = SimpleNamespace(id="C3", degradations=("jpeg", "rain"), weights=weights, network=None)
    monkeypatch.setattr(selector.Selector, "groups", (group,))
    for given, head in ((("--head", "rain"), "rain"), ((), "jpeg")):  # without, that of the likeliest degradation
        code, out, _ = call("in/a.png", "--group", "C3", *given, "--json")
        assert (code, json.loads(out)[0]["steps"][0]["head"]) == (0, head)
    code, _, err = call("in/a.png", "--group", "C3", "--head", "haze")
    assert code == 1 and "unknown task of this restorer 'haze'" in err


def test_json_holds_the_verdict_and_the_steps(call: Call) -> None:
    code, out, err = call("in/sub/bright.png", "--group", "C1", "--json")
    assert (code, err) == (0, "")
    (record,) = json.loads(out)
    assert record["verdict"] == UNKNOWN
    assert [step["group"] for step in record["steps"]] == ["C1"]
    assert record["image"] == "in/sub/bright.png"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["in/a.png", "--group", "C9"], "unknown group 'C9'; did you mean 'C2'? (known: C1, C2)"),
        (["in/a.png", "--group", "C2"], "'C2' (ringing) has no restorer"),
        (["in/a.png", "--head", "jpeg"], "goes with"),
        (["in/a.png", "--group", "C1", "--head", "jpeg"], "'C1' has one head for all"),
        (["in/a.png", "--tile", "128", "--overlap", "80"], "half the side of the tiles, 128 pixels"),
        (["in/a.png", "--steps", "0"], "at least 1"),
        (["in/a.png", "-o", "out.xyz"], ".tif"),
        (["in/a.png", "-o", "in/a.png"], "of this call already"),
        (["in/a.png", "--compare", "side.jpg"], "written as .png"),
        (["in/a.png", "--report", "page"], "written as .html"),
        (["in/broken.png"], "broken.png"),
        (["in/none.png"], "none.png"),
        (["in", "-o", "in/out"], "among the images"),
        (["in/sub", "-o", "in"], "not empty"),
        (["in", "-o", "out", "--compare", "side.png"], "one image"),
        (["builtin"], "clean photographs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "-",
)
def test_what_is_wrong_is_said_in_one_line(call: Call, tmp_path: Path, arguments: list[str], reason: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(*arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert reason in err
    assert sorted(tmp_path.rglob("*")) == before
