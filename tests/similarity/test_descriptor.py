"""The descriptor: strips of any height are the network's own maps, and only real descriptors are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from grids.errors import GridsError, UnknownNameError, WeightsError
from grids.networks import SRResNetX4
from grids.similarity.descriptor import BATCH, Descriptor
from grids.similarity.gram import gram_matrix


@pytest.fixture(scope="module")
def small(tiny: Path) -> Descriptor:
    return Descriptor(tiny)


def patches(count: int = 3, height: int = 12, width: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(seed))


def own_maps(network: SRResNetX4, images: torch.Tensor, layer: str) -> torch.Tensor:
    """(N, rows, columns, C), from the whole images at once."""
    with torch.inference_mode():
        maps = network.body_features(images)
        return (maps if layer == "body" else network.last_features(maps)).permute(0, 2, 3, 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 11, 12, 100])
def test_strips_of_any_height_are_the_maps_of_the_network(small: Descriptor, rows: int) -> None:
    images = patches()
    row_bytes = 3 * 8 * 16 * 9 * 4
    blocks = [block.clone() for block in small.feature_blocks(images, budget=rows * row_bytes)]
    assert len(blocks) == -(-12 // rows)
    found = torch.cat(blocks, 1).view(3, 48, 36, 8)
    torch.testing.assert_close(found, own_maps(small.network, images, "last"), atol=1e-6, rtol=1e-5)


def test_a_budget_below_one_row_still_gives_every_row(small: Descriptor) -> None:
    blocks = [block.clone() for block in small.feature_blocks(patches(), budget=1)]
    assert len(blocks) == 12
    torch.testing.assert_close(torch.cat(blocks, 1), small.features(patches()), atol=1e-6, rtol=1e-5)


def test_more_patches_than_a_batch(small: Descriptor) -> None:
    images = patches(2 * BATCH + 3, 8, 8)
    found = small.features(images).view(len(images), 32, 32, 8)
    torch.testing.assert_close(found, own_maps(small.network, images, "last"), atol=1e-6, rtol=1e-5)


def test_body_features(small: Descriptor) -> None:
    images = patches(BATCH + 1)
    (block,) = small.feature_blocks(images, "body")
    assert block.shape == (BATCH + 1, 8 * 12 * 9)
    found = block.view(BATCH + 1, 12, 9, 8)
    torch.testing.assert_close(found, own_maps(small.network, images, "body"), atol=1e-6, rtol=1e-5)


def test_features_of_the_descriptor_that_ships() -> None:
    descriptor = Descriptor()
    images = patches(2, 8, 8)
    assert (descriptor.network.channels, len(descriptor.network.body)) == (64, 16)
    blocks = [block.clone() for block in descriptor.feature_blocks(images, budget=1)]
    found = torch.cat(blocks, 1)
    assert found.shape == (2, 1024 * 8 * 8)
    expected = own_maps(descriptor.network, images, "last").reshape(2, -1)
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)


def test_blocks_of_two_calls_at_a_time_do_not_mix(small: Descriptor) -> None:
    first, second = patches(3), patches(3, seed=1)
    expected = [small.features(images) for images in (first, second)]
    pairs = [
        (a.clone(), b.clone())
        for a, b in zip(*(small.feature_blocks(x, budget=1) for x in (first, second)), strict=True)
    ]
    for found, whole in zip(zip(*pairs, strict=True), expected, strict=True):
        torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-6, rtol=1e-5)


def test_a_kept_buffer_serves_fewer_and_more_patches(small: Descriptor) -> None:
    for count in (5, 2, 7):
        images = patches(count)
        found = small.features(images).view(count, 48, 36, 8)
        torch.testing.assert_close(found, own_maps(small.network, images, "last"), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("key", ["params", "params_ema", "state_dict", None])
def test_another_network_as_a_basicsr_checkpoint(tmp_path: Path, key: str | None) -> None:
    network = SRResNetX4(channels=12, blocks=3)
    state = network.state_dict()
    file = tmp_path / "own.pth"
    torch.save({key: state} if key else {f"module.{name}": value for name, value in state.items()}, file)
    descriptor = Descriptor(file)
    assert (descriptor.network.channels, len(descriptor.network.body)) == (12, 3)
    found = descriptor.features(patches()).view(3, 48, 36, 12)
    torch.testing.assert_close(found, own_maps(network.eval(), patches(), "last"), atol=1e-5, rtol=1e-4)


def test_averaged_weights_are_preferred(tmp_path: Path) -> None:
    plain, averaged = SRResNetX4(channels=4, blocks=1), SRResNetX4(channels=4, blocks=1)
    torch.save({"params": plain.state_dict(), "params_ema": averaged.state_dict()}, tmp_path / "both.pth")
    found = Descriptor(tmp_path / "both.pth").network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in averaged.state_dict().items())


def test_bf16_is_near_fp32(tiny: Path) -> None:
    exact, rounded = (Descriptor(tiny, precision=p).features(patches()) for p in ("fp32", "bf16"))
    assert rounded.dtype == torch.float32
    difference = (exact - rounded).std() / exact.std()
    assert 0 < float(difference) < 0.02


def test_auto_precision_is_one_of_the_two(tiny: Path) -> None:
    assert Descriptor(tiny, precision="auto").precision in ("fp32", "bf16")
    assert Descriptor(tiny, precision="auto", device="meta").precision == "fp32"


def test_the_checksum_tells_descriptors_apart(tiny: Path, tmp_path: Path) -> None:
    torch.save(SRResNetX4(channels=8, blocks=1).state_dict(), tmp_path / "other.pth")
    assert Descriptor(tiny).sha256 == Descriptor(tiny).sha256
    assert Descriptor(tiny).sha256 != Descriptor(tmp_path / "other.pth").sha256


def test_unknown_precision_and_layer_suggest_the_nearest(tiny: Path, small: Descriptor) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bf16'"):
        Descriptor(tiny, precision="fb16")
    with pytest.raises(UnknownNameError, match="did you mean 'last'"):
        next(small.feature_blocks(patches(), "lastt"))


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8), (2, 8, 8, 3), (0, 3, 8, 8), (2, 3, 0, 8)])
def test_patches_of_another_shape_are_refused(small: Descriptor, shape: tuple[int, ...]) -> None:
    with pytest.raises(GridsError, match=r"\(N, 3, h, w\)"):
        next(small.feature_blocks(torch.zeros(shape)))
    with pytest.raises(GridsError, match=r"\(N, 3, h, w\)"):
        small.maps(torch.zeros(shape), (1,))


@pytest.mark.parametrize("depths", [(), (0,), (1, 99)])
def test_depths_that_the_network_has_not_are_refused(small: Descriptor, depths: tuple[int, ...]) -> None:
    with pytest.raises(GridsError, match="depths must be one or more of 1 to"):
        small.maps(patches(), depths)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.pop("conv_hr.bias"), "there is no 'conv_hr.bias'"),
        (lambda s: s.pop("conv_first.weight"), "there is no 'conv_first.weight'"),
        (lambda s: s.update({"extra.weight": torch.ones(1)}), "'extra.weight' does not belong"),
        (lambda s: s.update({"conv_last.weight": torch.ones(3, 8, 5, 5)}), "'conv_last.weight' is"),
        (lambda s: s["upconv1.bias"].fill_(float("nan")), "not finite"),
        (lambda s: s["upconv1.bias"].fill_(float("inf")), "not finite"),
        (lambda s: s.clear(), "holds no weights"),
        (lambda s: s.update({"conv_hr.bias": "text"}), "holds no state dict"),
    ],
)
def test_weights_that_are_not_a_descriptors_are_refused(tmp_path: Path, change: object, reason: str) -> None:
    state = dict(SRResNetX4(channels=8, blocks=1).state_dict())
    change(state)
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=reason) as caught:
        Descriptor(tmp_path / "bad.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "weights"])
@pytest.mark.parametrize("content", [b"", b"these are words", b"\x80\x04\x95 cut", b"\xff" * 64])
def test_files_that_hold_no_weights_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=r"neither safetensors nor a PyTorch checkpoint|not read safely") as caught:
        Descriptor(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"params": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError):
        Descriptor(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_missing_weights_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        Descriptor(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="cannot read"):
        Descriptor(tmp_path)


def test_the_precision_stays_inside(tiny: Path) -> None:
    patches = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    descriptor = Descriptor(tiny, precision="bf16")
    blocks = descriptor.feature_blocks(patches, budget=1)
    next(blocks)
    assert not torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    streamed = gram_matrix(descriptor.feature_blocks(patches, budget=1))
    np.testing.assert_allclose(streamed, gram_matrix([descriptor.features(patches)]), rtol=1e-4, atol=1e-4)
