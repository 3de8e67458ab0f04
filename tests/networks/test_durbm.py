"""The DuRB-M network: the paper's counts, eq. 6, who shares what, and what a state says of itself."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images, raises_line
from safetensors.torch import load_file
from torch import Tensor, nn

from grids.errors import GridsError, WeightsError
from grids.networks import DuRBM, build
from grids.networks.dual_residual import ChannelAttention, DualBlock, TotalVariation
from grids.networks.pooling import GlobalMean, InstanceNorm, MeansOfTiles
from grids.networks.table import TABLE, multiply_adds, parameters
from grids.restoration.models import save_restorer
from grids.restoration.tiling import restore_image

TASKS = ("rain", "motion_blur", "haze")
SMALL = {"width": 4, "decoder": 4, "kernels": (5, 3), "hidden": 3}


def small(tasks: tuple[str, ...] = TASKS, topology: str | None = "R>B>H", **options: object) -> DuRBM:
    torch.manual_seed(0)
    return DuRBM(tasks, topology, **(SMALL | options)).eval()  # type: ignore[arg-type]


def layers(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Conv2d | nn.Linear) for part in module.modules())


def test_weight_layers_as_published() -> None:
    """Section 4.3 and Fig. 7: 13 a block, 68 in the encoder, 5 in a decoder; of the ablations, two less each."""
    with torch.device("meta"):
        network = build("liu-durbm", TASKS)
    assert [layers(block) for block in network.encoder.blocks] == 5 * [13]
    assert layers(network.encoder) == 68
    assert [layers(decoder) for decoder in network.decoders.values()] == [5, 5, 5]
    assert layers(small().stages[1]) == 13
    assert layers(small(gap=False, tv=False).stages[0]) == layers(small(fusion=False).stages[0]) == 11


def test_the_sizes_are_the_papers() -> None:
    """Kernels alone: 18 C^2 each for two SE-ResNet modules, 36 + k^2 for T1, 9 + 9 for shrinking, 18 for the fusion."""
    with torch.device("meta"):
        network = build("liu-durbm", ("rain",))
        longer = DuRBM(("rain",), ((), ("rain",)))
    kernels = 147 * 96 + 96**2 * (18 + sum(108 + k * k for k in (5, 5, 7, 7, 11)))
    assert parameters(network.encoder) == pytest.approx(kernels, rel=0.013)
    assert parameters(network.encoder) == pytest.approx(7.73e6, rel=0.002)
    assert parameters(network.decoders["rain"]) == pytest.approx(0.79e6, rel=0.002)
    assert parameters(longer) - parameters(network) == pytest.approx(1.245e6, rel=0.003)


def test_multiply_adds_are_counted_by_hand() -> None:
    """Each convolution at its size: the blocks' x at a quarter, r at half of it, the decoder up to the whole."""
    c = 96
    with torch.device("meta"):
        network = build("liu-durbm", ("rain",))
    block = c * c * (5 * (18 + 36 + 9 + 9 + 18) / 16 + (5 * 18 + 25 + 25 + 49 + 49 + 121) / 4)
    stem = 147 * c + 9 * c * c * (1 / 4 + 1 / 16)
    decoder = 9 * (4 * c * c / 16 + 5 * c * c / 4 + c * 48 + 48 * 3)
    assert multiply_adds(network, 64) == pytest.approx(64 * 64 * (stem + block + decoder), rel=1e-3)


def test_the_total_variation_is_eq_6() -> None:
    """Eq. 6: 0 for a constant map, s^3 for a ramp of slope s, blind to what is added; else as a plain loop has it."""
    variation = TotalVariation()
    assert float(variation(torch.full((1, 1, 5, 7), 3.7))) == 0
    ramp = 0.5 * torch.arange(7.0).expand(1, 1, 5, 7)
    assert float(variation(ramp)) == float(variation(ramp.mT)) == float(variation(-ramp)) == pytest.approx(0.125)
    assert float(variation(2 * ramp + 9)) == pytest.approx(1)
    maps = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    assert torch.allclose(variation(maps + 2), variation(maps))
    y = maps[1, 2].tolist()
    down = [abs(y[i + 1][j] - y[i][j]) ** 3 for i, j in itertools.product(range(3), range(6))]
    right = [abs(y[i][j + 1] - y[i][j]) ** 3 for i, j in itertools.product(range(4), range(5))]
    assert float(variation(maps)[1, 2]) == pytest.approx(sum(down) / 18 + sum(right) / 20)


@pytest.mark.parametrize("statistics", [("gap",), ("tv",), ("gap", "tv")])
def test_attention_knows_its_statistics_alone(statistics: tuple[str, ...]) -> None:
    attention = ChannelAttention(3, 8, statistics)
    x = torch.randn(1, 3, 6, 6)

    def weights(maps: Tensor) -> Tensor:
        ratio = attention(maps) / maps
        assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio), atol=1e-5)
        return ratio[..., 0, 0]

    assert bool(((weights(x) > 0) & (weights(x) < 1)).all())
    order = torch.randperm(36, generator=torch.Generator().manual_seed(0))
    shuffled = x.flatten(2)[..., order].view_as(x)  # the same mean
    assert torch.allclose(weights(shuffled), weights(x), atol=1e-6) == ("tv" not in statistics)
    assert torch.allclose(weights(x + 1), weights(x), atol=1e-5) == ("gap" not in statistics)


def test_attention_is_computed_in_float32() -> None:
    attention = ChannelAttention(3, 8, ("gap", "tv"))
    x = (50 * torch.randn(1, 3, 6, 6)).half()  # cubes beyond what float16 holds
    with torch.autocast("cpu", dtype=torch.float16):
        mixed = attention(x)
    assert mixed.dtype == torch.float16
    assert torch.allclose(mixed.float(), attention(x.float()), rtol=2e-3)


@pytest.mark.parametrize("norm", [True, False])
def test_block_keeps_both_residuals(norm: bool) -> None:
    """Without what the large kernel and the fusion add, maps that went through a ReLU pass as they are."""
    block = DualBlock(4, 5, 3, ("gap", "tv"), True, norm)
    x, r = torch.rand(1, 4, 6, 8), torch.rand(1, 4, 12, 16)
    for name in ("large", "fuse"):
        layer = block.norms[name] if norm else getattr(block, name)
        for value in layer.parameters():
            nn.init.zeros_(value)
    passed = block(x, r)
    assert torch.equal(passed[0], x)
    assert torch.equal(passed[1], r)


def test_output_is_the_input_and_a_bounded_change() -> None:
    network, images = small(), noise_images(2, 3, 13, 9)
    last = network.decoders["haze"][-1]
    nn.init.zeros_(last.weight)
    for bias, change in ((0.0, 0.0), (0.3, float(torch.tanh(torch.tensor(0.3))) / 2), (99.0, 0.5), (-99.0, -0.5)):
        nn.init.constant_(last.bias, bias)
        assert torch.allclose(network(images, "haze"), images + change, atol=1e-6)


@pytest.mark.parametrize(
    ("topology", "paths"),
    [
        ("R>B>H", {"rain": 0, "motion_blur": 1, "haze": 2}),
        ("BH>R", {"motion_blur": 0, "haze": 0, "rain": 1}),
        (None, {"motion_blur": 0, "haze": 0, "rain": 0}),
    ],
)
def test_a_task_trains_its_path_alone(topology: str | None, paths: dict[str, int]) -> None:
    network = small(topology=topology).train()
    for task, blocks in paths.items():
        network.zero_grad()
        network(noise_images(1, 3, 32, 32), task).square().mean().backward()
        touched = {name for name, value in network.named_parameters() if value.grad is not None}
        path = ("encoder.", f"decoders.{task}.", *(f"stages.{i}." for i in range(blocks)))
        assert touched == {name for name, _ in network.named_parameters() if name.startswith(path)}


@pytest.mark.parametrize("topology", [None, "R>B>H", "BH>R", "H>RB"])
@pytest.mark.parametrize("gap", [True, False])
@pytest.mark.parametrize("tv", [True, False])
@pytest.mark.parametrize("fusion", [True, False])
@pytest.mark.parametrize("norm", [True, False])
def test_files_tell_topology_and_switches(
    tmp_path: Path, topology: str | None, gap: bool, tv: bool, fusion: bool, norm: bool
) -> None:
    network = small(topology=topology, gap=gap, tv=tv, fusion=fusion, norm=norm)
    state = load_file(save_restorer(tmp_path / "restorer.safetensors", network, {}))  # all in floating point
    again = DuRBM.from_state(state).eval()
    assert again.topology == network.topology
    assert again.state_dict().keys() == network.state_dict().keys()
    images = noise_images(1, 3, 10, 6)
    for task in TASKS:
        assert torch.equal(again(images, task), network(images, task))


def test_topology_of_a_network() -> None:
    assert small().topology == (("rain",), ("motion_blur",), ("haze",))
    assert small(topology="BH>R").topology == (("haze", "motion_blur"), ("rain",))
    assert small(topology=None).topology == (("haze", "motion_blur", "rain"),)
    raises_line(lambda: small(topology="R>B"), "'haze' is missing")
    raises_line(lambda: small(tasks=("rain",), topology="R>B"), "at character 3: 'B'")


def test_fewer_tasks_keep_the_blocks_they_use() -> None:
    network, images = small(), noise_images(1, 3, 12, 12)
    for tasks, blocks in ((("rain",), 0), (("motion_blur",), 1), (("rain", "motion_blur"), 1), (("haze",), 2)):
        part = DuRBM.from_state(DuRBM.keep_tasks(network.state_dict(), tasks)).eval()
        assert part.tasks == tuple(sorted(tasks))
        assert len(part.stages) == blocks
        for task in tasks:
            assert torch.equal(part(images, task), network(images, task))


def test_a_loaded_state_brings_its_topology() -> None:
    network, other, images = small(), small(topology="H>B>R"), noise_images(1, 3, 12, 12)
    expected = other(images, "rain")
    assert not torch.allclose(network(images, "rain"), expected)
    network.load_state_dict(other.state_dict())
    assert network.topology == other.topology
    assert torch.equal(network(images, "rain"), expected)


def test_states_with_wrong_stages() -> None:
    state = small().state_dict()
    for value in (-1.0, 0.5, float("nan")):
        wrong = state | {"decoders.rain.stage": torch.tensor(value)}
        raises_line(lambda w=wrong: DuRBM.from_state(w), "'decoders.rain.stage'", kind=WeightsError)
    for value in (1, 10**9):
        wrong = state | {"decoders.haze.stage": torch.tensor(value)}
        raises_line(lambda w=wrong: DuRBM.from_state(w), "not 2", kind=WeightsError)
    headless = {key: value for key, value in state.items() if not key.startswith("decoders.")}
    raises_line(lambda: DuRBM.from_state(headless), "no decoder", kind=WeightsError)


def test_features_are_those_of_fig_9() -> None:
    """Fig. 9: behind the first two ReLUs, and behind the first, the third and the fifth block."""
    network, images = small(kernels=(3,) * 5), noise_images(2, 3, 16, 24)
    features = network.features(images)
    assert {name: tuple(x.shape[2:]) for name, x in features.items()} == {
        "relu1": (16, 24),
        "relu2": (8, 12),
        "block1": (4, 6),
        "block3": (4, 6),
        "block5": (4, 6),
    }
    normalised = F.instance_norm(network.encoder.first(2 * images - 1))
    assert torch.allclose(features["relu1"], F.relu(normalised), atol=1e-5)
    assert torch.equal(features["block5"], network.encoder(2 * images - 1)[0])
    assert list(small().features(images)) == ["relu1", "relu2", "block1"]
    assert small().features(images[..., :5, :7])["relu1"].shape == (2, 4, 8, 8)


@pytest.mark.parametrize("size", [(1, 1), (2, 31), (8, 8), (17, 5)])
def test_images_of_any_size_pass(size: tuple[int, int]) -> None:
    images = noise_images(1, 3, *size)
    for task in TASKS:
        output = small(kernels=(11,))(images, task)
        assert output.shape == images.shape
        assert bool(torch.isfinite(output).all())


def test_no_pixel_acts_farther_than_is_said() -> None:
    """No pixel acts farther than is said, but through means; and some act nearly so far."""
    network = small(tasks=("rain",), topology=None, kernels=(5,)).double()
    for name, value in network.named_parameters():  # all positive, so that nothing cancels and no ReLU closes
        nn.init.constant_(value, 0.02 if name.endswith("weight") else 0.1)
    one = torch.ones((), dtype=torch.float64)
    means = MeansOfTiles()
    for module in network.modules():
        if isinstance(module, ChannelAttention):
            means.fixed |= {mean: one.expand(1, 4, 1, 1) for mean in module.modules() if isinstance(mean, GlobalMean)}
        elif isinstance(module, InstanceNorm):
            means.fixed[module.moments] = torch.tensor([0, 1], dtype=torch.float64)[None, :, None, None]
    images = torch.full((1, 3, 128, 128), 0.6, dtype=torch.float64, requires_grad=True)
    with means:
        output = network(images)
    farthest = 0
    for pixel in range(64, 68):  # each place within a pixel of the quarter
        (gradient,) = torch.autograd.grad(output[..., pixel, pixel].sum(), images, retain_graph=True)
        rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
        farthest = max(farthest, pixel - rows[0], rows[-1] - pixel)
    assert network.reach - 4 <= farthest <= network.reach


def test_tiles_share_what_the_attention_knows() -> None:
    """A quiet and a loud half, and weights that make much of it: tiles on their own err by 9/255."""
    network = small(tasks=("rain",), topology=None, kernels=(3,))
    for name, value in network.named_parameters():
        if name.endswith("weight"):
            value.data *= 50 if ".squeeze." in name else 2 if "decoders." in name else 1
    image = noise_images(1, 3, 288, 192)[0]
    image[:, :144] *= 0.1
    with torch.no_grad():
        change = restore_image(network, image, tile=192) - network(image[None])[0]
    assert float(change.abs().max()) < 0.1 / 255


def test_the_published_size_learns_and_is_rebuilt() -> None:
    torch.manual_seed(0)
    network = DuRBM(TASKS, "R>B>H", **TABLE["liu-durbm"].options)
    images = noise_images(1, 3, 64, 64)
    (network(images, "rain") - images).square().mean().backward()
    touched = {name for name, value in network.named_parameters() if value.grad is not None and value.grad.any()}
    # a norm takes away what the bias before it adds: its gradient is 0, or nearly
    idle = tuple(f".{name}.bias" for name in ("first", "second", "third", "up", "large", "plain", "attended.1", "fuse"))
    own = {name for name, _ in network.named_parameters() if name.startswith(("encoder.", "decoders.rain."))}
    assert {name for name in touched if not name.endswith(idle)} == {name for name in own if not name.endswith(idle)}
    state = network.state_dict()
    again = DuRBM.from_state(state)
    assert again.state_dict().keys() == state.keys()
    assert again.topology == network.topology


def test_residuals_begin_small() -> None:
    for norm in (True, False):
        torch.manual_seed(0)
        block = small(topology=None, width=8, norm=norm).encoder.blocks[0]
        maps = torch.rand(1, 8, 16, 16), torch.rand(1, 8, 32, 32)
        with torch.no_grad():
            passed = block(*maps)
        for before, after in zip(maps, passed, strict=True):
            assert 0.02 < float((after - before).std() / before.std()) < 1


@pytest.mark.parametrize("norm", [True, False])
def test_norms_keep_maps_from_growing(norm: bool) -> None:
    """Weights ten times as large make no difference to what reaches the decoders, or a large one."""
    network = small(topology=None, norm=norm)
    images = noise_images(1, 3, 32, 32)
    before = float(network.encoder(2 * images - 1)[0].detach().std())
    network.encoder.third.weight.data *= 10
    after = float(network.encoder(2 * images - 1)[0].detach().std())
    assert (0.9 < after / before < 1.1) == norm


@pytest.mark.parametrize("name", ["liu-durbm-small", "liu-durbm", "shen-face-small", "shen-face"])
def test_networks_without_normalisation_keep_the_size_of_maps(name: str) -> None:
    """About 1 at the last convolution; with torch's own weights less than a tenth of that."""
    torch.manual_seed(0)
    network = build(name, ("rain",), **({} if name.startswith("shen") else {"norm": False})).eval()
    seen: list[Tensor] = []
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    convolutions[-1].register_forward_hook(lambda _module, given, _made: seen.append(given[0]))
    # the last head of the face network is that of the structure
    given = (noise_images(1, 3, 32, 32), "structure" if name.startswith("shen") else "rain")
    with torch.no_grad():
        network(*given)
        assert 0.2 < float(seen[-1].square().mean().sqrt()) < 3
        spread = float(seen[-1].std(dim=(2, 3)).mean())
        for module in convolutions:
            module.reset_parameters()
        network(*given)
    assert float(seen[-1].std(dim=(2, 3)).mean()) < 0.1 * spread


def test_heads_are_of_tasks_and_images_have_one_each() -> None:
    with pytest.raises(GridsError, match="needs a task"):
        DuRBM(())
    network = DuRBM(("rain", "haze"), **SMALL).eval()  # type: ignore[arg-type]
    with pytest.raises(GridsError, match="there are 2 images, but 1 tasks"):
        network(torch.rand(2, 3, 32, 32), ["rain"])
