"""State dicts as the authors' code names them: written out from the published layouts, with forwards of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from contracts import generator, noise_images, raises_line
from torch import Tensor

from grids.errors import GridsError, WeightsError
from grids.networks import NAFNet, Restormer, SRResNet, SRResNetX4, UNet, build
from grids.networks.published import load_network
from grids.restoration.models import load_restorer, start_weights
from grids.similarity.descriptor import Descriptor

State = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]


def drawn(shapes: Shapes) -> State:
    """Random weights of a size at which every part of the network counts."""
    source = generator(5)
    made = {key: torch.randn(shape, generator=source) for key, shape in shapes.items()}
    return {key: value / max(1, value[0].numel() ** 0.5) if value.ndim == 4 else value for key, value in made.items()}


def convolution(name: str, out: int, into: int, size: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into, size, size)} | ({f"{name}.bias": (out,)} if bias else {})


def conv(state: State, name: str, x: Tensor, **options: int) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **options)


# ---------------------------------------------------------------- NAFNet


def nafnet(width: int, encoders: tuple[int, ...], middle: int, decoders: tuple[int, ...]) -> State:
    """As in megvii-research/NAFNet."""

    def block(name: str, c: int) -> dict[str, tuple[int, ...]]:
        return {
            f"{name}.beta": (1, c, 1, 1),
            f"{name}.gamma": (1, c, 1, 1),
            **convolution(f"{name}.conv1", 2 * c, c, 1),
            **convolution(f"{name}.conv2", 2 * c, 1, 3),
            **convolution(f"{name}.conv3", c, c, 1),
            **convolution(f"{name}.sca.1", c, c, 1),
            **convolution(f"{name}.conv4", 2 * c, c, 1),
            **convolution(f"{name}.conv5", c, c, 1),
            **{f"{name}.norm{i}.{part}": (c,) for i in (1, 2) for part in ("weight", "bias")},
        }

    shapes = convolution("intro", width, 3, 3) | convolution("ending", 3, width, 3)
    for level, count in enumerate(encoders):
        for i in range(count):
            shapes |= block(f"encoders.{level}.{i}", width << level)
        shapes |= convolution(f"downs.{level}", width << (level + 1), width << level, 2)
    bottom = width << len(encoders)
    for i in range(middle):
        shapes |= block(f"middle_blks.{i}", bottom)
    for level, count in enumerate(decoders):
        shapes |= convolution(f"ups.{level}.0", 2 * (bottom >> level), bottom >> level, 1, bias=False)
        for i in range(count):
            shapes |= block(f"decoders.{level}.{i}", bottom >> (level + 1))
    return drawn(shapes)


def nafnet_forward(
    state: State, x: Tensor, encoders: tuple[int, ...], middle: int, decoders: tuple[int, ...]
) -> Tensor:
    """The paper's figure 2 and equations, for sides that need no padding."""

    def norm(name: str, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        y = (x - mean) / ((x - mean).pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
        return y * state[f"{name}.weight"].view(1, -1, 1, 1) + state[f"{name}.bias"].view(1, -1, 1, 1)

    def gate(x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return x[:, :half] * x[:, half:]

    def block(name: str, x: Tensor) -> Tensor:
        y = conv(state, f"{name}.conv1", norm(f"{name}.norm1", x))
        y = gate(conv(state, f"{name}.conv2", y, padding=1, groups=y.shape[1]))
        y = y * conv(state, f"{name}.sca.1", y.mean((2, 3), keepdim=True))
        x = x + conv(state, f"{name}.conv3", y) * state[f"{name}.beta"]
        y = gate(conv(state, f"{name}.conv4", norm(f"{name}.norm2", x)))
        return x + conv(state, f"{name}.conv5", y) * state[f"{name}.gamma"]

    y, skips = conv(state, "intro", x, padding=1), []
    for level, count in enumerate(encoders):
        for i in range(count):
            y = block(f"encoders.{level}.{i}", y)
        skips.append(y)
        y = conv(state, f"downs.{level}", y, stride=2)
    for i in range(middle):
        y = block(f"middle_blks.{i}", y)
    for level, count in enumerate(decoders):
        y = F.pixel_shuffle(conv(state, f"ups.{level}.0", y), 2) + skips.pop()
        for i in range(count):
            y = block(f"decoders.{level}.{i}", y)
    return conv(state, "ending", y, padding=1) + x


NAFNET = ((1, 2), 2, (1, 1))


def test_nafnet_computes_what_its_authors_does() -> None:
    state, images = nafnet(6, *NAFNET), noise_images(2, 3, 12, 16)
    network = load_network(state)
    assert isinstance(network, NAFNet)
    with torch.no_grad():
        expected = nafnet_forward(state, images, *NAFNET)
        assert (expected - images).abs().mean() > 0.1
        torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)


# ---------------------------------------------------------------- Restormer

BLOCKS, REFINEMENT, HEADS = (1, 2, 1, 1), 1, (1, 2, 1, 4)
LEVELS = {
    "encoder_level1": (1, 0),
    "encoder_level2": (2, 1),
    "encoder_level3": (4, 2),
    "latent": (8, 3),
    "decoder_level3": (4, 2),
    "decoder_level2": (2, 1),
    "decoder_level1": (2, 0),
}
"""Name -> width by that of the first, and which of the levels it is."""


def restormer(width: int, norm_bias: bool, inputs: int = 3) -> State:
    """As in swz30/Restormer, with LayerNorm_type "WithBias" or "BiasFree"."""

    def block(name: str, c: int, heads: int) -> dict[str, tuple[int, ...]]:
        hidden = int(c * 2.66)
        parts = ("weight", "bias") if norm_bias else ("weight",)
        return {
            **{f"{name}.norm{i}.body.{part}": (c,) for i in (1, 2) for part in parts},
            f"{name}.attn.temperature": (heads, 1, 1),
            **convolution(f"{name}.attn.qkv", 3 * c, c, 1, bias=False),
            **convolution(f"{name}.attn.qkv_dwconv", 3 * c, 1, 3, bias=False),
            **convolution(f"{name}.attn.project_out", c, c, 1, bias=False),
            **convolution(f"{name}.ffn.project_in", 2 * hidden, c, 1, bias=False),
            **convolution(f"{name}.ffn.dwconv", 2 * hidden, 1, 3, bias=False),
            **convolution(f"{name}.ffn.project_out", c, hidden, 1, bias=False),
        }

    shapes = convolution("patch_embed.proj", width, inputs, 3, bias=False)
    shapes |= convolution("output", 3, 2 * width, 3, bias=False)
    for name, (times, level) in LEVELS.items():
        for i in range(BLOCKS[level]):
            shapes |= block(f"{name}.{i}", times * width, HEADS[level])
    for i in range(REFINEMENT):
        shapes |= block(f"refinement.{i}", 2 * width, HEADS[0])
    for level, name in enumerate(("down1_2", "down2_3", "down3_4")):
        c = width << level
        shapes |= convolution(f"{name}.body.0", c // 2, c, 3, bias=False)
    for name, c in (("up4_3", 8 * width), ("up3_2", 4 * width), ("up2_1", 2 * width)):
        shapes |= convolution(f"{name}.body.0", 2 * c, c, 3, bias=False)
    shapes |= convolution("reduce_chan_level3", 4 * width, 8 * width, 1, bias=False)
    return drawn(shapes | convolution("reduce_chan_level2", 2 * width, 4 * width, 1, bias=False))


def _norm(state: State, name: str, x: Tensor) -> Tensor:
    variance = x.var(1, unbiased=False, keepdim=True)
    weight, bias = state[f"{name}.body.weight"].view(1, -1, 1, 1), state.get(f"{name}.body.bias")
    if bias is None:
        return x / (variance + 1e-5).sqrt() * weight
    return (x - x.mean(1, keepdim=True)) / (variance + 1e-5).sqrt() * weight + bias.view(1, -1, 1, 1)


def _attention(state: State, name: str, x: Tensor) -> Tensor:
    y = conv(state, f"{name}.qkv", x)
    y = conv(state, f"{name}.qkv_dwconv", y, padding=1, groups=y.shape[1])
    temperature, out = state[f"{name}.temperature"], []
    parts = [part.chunk(len(temperature), 1) for part in y.chunk(3, 1)]
    for scale, q, k, v in zip(temperature, *parts, strict=True):
        q, k = (F.normalize(part.flatten(2), dim=-1) for part in (q, k))
        out.append(((q @ k.mT * scale).softmax(-1) @ v.flatten(2)).view_as(v))
    return conv(state, f"{name}.project_out", torch.cat(out, 1))


def _feed_forward(state: State, name: str, x: Tensor) -> Tensor:
    y = conv(state, f"{name}.project_in", x)
    first, second = conv(state, f"{name}.dwconv", y, padding=1, groups=y.shape[1]).chunk(2, 1)
    return conv(state, f"{name}.project_out", F.gelu(first) * second)


def _level(state: State, name: str, x: Tensor, count: int) -> Tensor:
    for i in range(count):
        x = x + _attention(state, f"{name}.{i}.attn", _norm(state, f"{name}.{i}.norm1", x))
        x = x + _feed_forward(state, f"{name}.{i}.ffn", _norm(state, f"{name}.{i}.norm2", x))
    return x


def restormer_forward(state: State, x: Tensor) -> Tensor:
    """The paper's figure 2 and equations 1 and 2, for sides that need no padding."""

    y, skips = conv(state, "patch_embed.proj", x, padding=1), []
    for i, down in enumerate(("down1_2", "down2_3", "down3_4")):
        skips.append(_level(state, f"encoder_level{i + 1}", y, BLOCKS[i]))
        y = F.pixel_unshuffle(conv(state, f"{down}.body.0", skips[-1], padding=1), 2)
    y = _level(state, "latent", y, BLOCKS[3])
    for i, up in ((2, "up4_3"), (1, "up3_2"), (0, "up2_1")):
        y = torch.cat((F.pixel_shuffle(conv(state, f"{up}.body.0", y, padding=1), 2), skips[i]), 1)
        if i:
            y = conv(state, f"reduce_chan_level{i + 1}", y)
        y = _level(state, f"decoder_level{i + 1}", y, BLOCKS[i])
    return conv(state, "output", _level(state, "refinement", y, REFINEMENT), padding=1) + x


@pytest.mark.parametrize("norm_bias", [True, False])
def test_restormer_computes_what_its_authors_does(norm_bias: bool) -> None:
    state, images = restormer(8, norm_bias), noise_images(2, 3, 16, 24)
    network = load_network(state)
    assert isinstance(network, Restormer)
    with torch.no_grad():
        expected = restormer_forward(state, images)
        assert (expected - images).abs().mean() > 0.1
        torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)


# ---------------------------------------------------------------- SRResNet


def srresnet(channels: int, blocks: int, body: str, last: str, enlargements: int) -> State:
    """MSRResNet: `recon_trunk` and `HRconv` in mmsr and KAIR, `body` and `conv_hr` in BasicSR."""
    shapes = convolution("conv_first", channels, 3, 3) | convolution(last, channels, channels, 3)
    for i in range(blocks):
        for name in ("conv1", "conv2"):
            shapes |= convolution(f"{body}.{i}.{name}", channels, channels, 3)
    for i in range(enlargements):
        shapes |= convolution(f"upconv{i + 1}", 4 * channels, channels, 3)
    return drawn(shapes | convolution("conv_last", 3, channels, 3))


@pytest.mark.parametrize(("body", "last"), [("recon_trunk", "HRconv"), ("body", "conv_hr")])
@pytest.mark.parametrize(("kind", "enlargements"), [(SRResNet, 0), (SRResNetX4, 2)])
def test_srresnet_computes_what_its_authors_does(
    body: str, last: str, kind: type[torch.nn.Module], enlargements: int
) -> None:
    state, images = srresnet(8, 2, body, last, enlargements), noise_images(2, 3, 9, 7)
    network = load_network(state)
    assert isinstance(network, kind)
    with torch.no_grad():
        x = F.leaky_relu(conv(state, "conv_first", images, padding=1), 0.1)
        for i in range(2):
            y = F.relu(conv(state, f"{body}.{i}.conv1", x, padding=1))
            x = x + conv(state, f"{body}.{i}.conv2", y, padding=1)
        for i in range(enlargements):
            x = F.leaky_relu(F.pixel_shuffle(conv(state, f"upconv{i + 1}", x, padding=1), 2), 0.1)
        x = conv(state, "conv_last", F.leaky_relu(conv(state, last, x, padding=1), 0.1), padding=1)
        base = F.interpolate(images, size=x.shape[-2:], mode="bilinear", align_corners=False)
        torch.testing.assert_close(network(images), x + base, atol=1e-4, rtol=1e-4)


# ---------------------------------------------------------------- files


def stored(path: Path, state: State) -> Path:
    torch.save({"params": {f"module.{key}": value for key, value in state.items()}}, path)
    return path


def test_a_file_is_a_restorer_without_more_words(tmp_path: Path) -> None:
    file = stored(tmp_path / "naf.pth", nafnet(6, *NAFNET))
    for named in (None, "nafnet", "nafnet-32"):
        found = load_restorer(file, named)
        assert (found.preset, found.tasks) == (named or "NAFNet", ())
        images = noise_images(1, 3, 8, 8)
        with torch.no_grad():
            expected = nafnet_forward(nafnet(6, *NAFNET), images, *NAFNET)
            torch.testing.assert_close(found.network(images), expected, atol=1e-4, rtol=1e-4)
    assert load_restorer(stored(tmp_path / "o.pth", nafnet(16, (1, 1, 2), 2, (1, 1, 1)))).preset == "nafnet"


@pytest.mark.parametrize("name", ["unet", "nafnet", "restormer-s", "srresnet", "liu-durbm-small"])
def test_weights_under_our_names_tell_their_network_too(name: str, tmp_path: Path) -> None:
    found = load_restorer(stored(tmp_path / "own.pth", build(name, ("jpeg",)).state_dict()))
    assert found.preset == name


def test_what_trainings_and_descriptors_start_from(tmp_path: Path) -> None:
    file = stored(tmp_path / "naf.pth", nafnet(16, (1, 1, 2), 2, (1, 1, 1)))
    assert start_weights(file, "nafnet").keys() == build("nafnet").state_dict().keys()
    raises_line(lambda: start_weights(file, "unet"), str(file), kind=WeightsError)
    file = stored(tmp_path / "msr.pth", srresnet(8, 2, "recon_trunk", "HRconv", 2))
    assert Descriptor(file).network.channels == 8
    raises_line(lambda: load_restorer(file), "'srresnet-x4' enlarges images", kind=GridsError)
    raises_line(lambda: load_restorer(file, "srresnet"), str(file), "SRResNetX4, not SRResNet", kind=WeightsError)


def without(state: State, key: str) -> State:
    return {name: value for name, value in state.items() if name != key}


CASES = {
    "'encoders.1.0.sca.1.bias'": without(nafnet(4, *NAFNET), "encoders.1.0.sca.1.bias"),
    "'middle_blks.1.conv2.weight'": nafnet(4, *NAFNET) | {"middle_blks.1.conv2.weight": torch.zeros(8, 1, 5, 5)},
    "'extra.weight' does not belong": nafnet(4, *NAFNET) | {"extra.weight": torch.zeros(1)},
    "2 levels on the way down and 1 up": nafnet(4, (1, 1), 1, (1,)),
    "'intro.weight' is (4, 1, 3, 3)": nafnet(4, *NAFNET) | {"intro.weight": torch.zeros(4, 1, 3, 3)},
    "'patch_embed.proj.weight' is (8, 6, 3, 3)": restormer(8, True, inputs=6),
    "'latent.0.attn.qkv_dwconv.weight'": without(restormer(8, True), "latent.0.attn.qkv_dwconv.weight"),
    "'decoder_level2.0.attn.temperature' is (1, 1, 1), not (2, 1, 1)": restormer(8, True)
    | {"decoder_level2.0.attn.temperature": torch.zeros(1, 1, 1)},
    "'encoder_level3.0.attn.temperature' is (5, 1, 1)": restormer(8, True)
    | {"encoder_level3.0.attn.temperature": torch.zeros(5, 1, 1)},
    "dual-pixel": restormer(8, True, inputs=6) | {"skip_conv.weight": torch.zeros(16, 8, 1, 1)},
    "2 or 3 times": srresnet(8, 1, "body", "conv_hr", 1),
    "map of the noise level": {"m_head.weight": torch.zeros(64, 4, 3, 3)},
    "skipped as a whole": {"model.1.sub.0.res.0.weight": torch.zeros(8, 8, 3, 3)},
}


@pytest.mark.parametrize("reason", CASES)
def test_what_cannot_be_read_is_said_in_the_words_of_the_file(reason: str, tmp_path: Path) -> None:
    file = stored(tmp_path / "x.pth", CASES[reason])
    raises_line(lambda: load_restorer(file), f"cannot use '{file}'", reason, kind=WeightsError)


def test_networks_that_a_few_numbers_claim_are_never_made() -> None:
    wide = {"conv_first.weight": torch.zeros(10**5, 3, 3, 3)}
    raises_line(lambda: load_network(wide, SRResNet), "too few", kind=WeightsError)
    deep = UNet(4, 2, 1).state_dict() | {f"encoder.0.{i}.x": torch.zeros(1) for i in range(10**4)}
    raises_line(lambda: load_network(deep, UNet), "too few", kind=WeightsError)
    high = UNet(4, 2, 1).state_dict() | {
        f"{part}.{i}.0.x": torch.zeros(1) for part in ("encoder", "decoder") for i in range(60)
    }
    raises_line(lambda: load_network(high, UNet), "too few", kind=WeightsError)
    batches = srresnet(8, 1, "body", "conv_hr", 0) | {"body.0.bn1.running_mean": torch.zeros(8)}
    raises_line(lambda: load_network(batches, SRResNet), "batch normalization", kind=WeightsError)
