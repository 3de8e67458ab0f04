"""The one suite that every degradation passes, and the one that every network passes, in small checks.

A test module parametrizes over `DEGRADATION_CHECKS` or `NETWORK_CHECKS`; `check_degradation(kind)` runs all the former.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, cast, runtime_checkable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from grids.degradations import Degradation, Parameters
from grids.errors import GridsError, UnknownNameError, WeightsError
from grids.metrics import image_psnr
from grids.networks.heads import MultiHead, for_task
from grids.networks.table import Preset

SIZES = ((1, 1), (1, 7), (5, 3), (17, 33))
BAD_SHAPES = ((3, 8, 8), (1, 1, 8, 8), (2, 4, 8, 8), (1, 3, 0, 8), (0, 3, 8, 8), (1, 8, 8, 3), ())
BAD_DTYPES = (torch.float64, torch.float16, torch.uint8)


def generator(seed: int = 0, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed)


def noise_images(*shape: int, seed: int = 0) -> Tensor:
    """A batch off the 8-bit grid."""
    return torch.rand(shape or (2, 3, 24, 20), generator=generator(seed))


def scene(count: int = 2, size: int = 64) -> Tensor:
    """Pictures with edges, a texture and smooth parts, on the 8-bit grid, away from black and white."""
    y, x = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    planes = []
    for i in range(3 * count):
        stripes = 0.12 * torch.sin(x * (0.3 + 0.15 * i) + y * 0.2)
        steps = 0.2 * ((x + 7 * i) // 16 % 2) + 0.15 * ((y - x / 3) > size / 3)
        planes.append(0.25 + stripes + steps + 0.1 * y / size)
    return torch.stack(planes).view(count, 3, size, size).mul(255).round().clamp(0, 255).div(255)


class Watching(nn.Module):
    """Gives back its input, and keeps what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shapes: list[tuple[int, ...]] = []
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shapes.append(tuple(images.shape))
        self.modes.append((self.training, torch.is_grad_enabled()))
        output: Tensor = images * self.weight
        assert output.dtype == torch.float32
        return output


def pillow_file(image: Tensor, quality: int, subsampling: str = "4:2:0") -> bytes:
    """An image (1, 3, H, W) as Pillow saves it as JPEG."""
    file = io.BytesIO()
    pixels = image[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def pillow_jpeg(image: Tensor, quality: int, subsampling: str = "4:2:0") -> Tensor:
    """The same, read again."""
    with Image.open(io.BytesIO(pillow_file(image, quality, subsampling))) as decoded:
        return torch.from_numpy(np.array(decoded.convert("RGB"))).permute(2, 0, 1)[None].float().div(255)


def but_warnings(text: str) -> str:
    """What a command said on stderr, without the line on tasks that end below their input, as toy trainings may."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("warning: below the input"))


def raises_line(call: Callable[[], object], *fragments: str, kind: type[GridsError] = GridsError) -> str:
    """Demand a GridsError of one line that names every fragment."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message, "an error must say what is wrong"
    assert len(message.splitlines()) == 1, f"an error must be one line, but is {message!r}"
    for fragment in fragments:
        assert fragment in message, f"{fragment!r} is missing from {message!r}"
    return message


def same_parameters(first: Parameters, second: Parameters) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# ---------------------------------------------------------------- degradations


def check_identity_card(kind: Degradation) -> None:
    assert kind.name
    assert kind.name == kind.name.lower()
    assert kind.summary
    assert kind.source
    assert "\n" not in kind.summary + kind.source


def check_result(kind: Degradation) -> None:
    """The shape, dtype and range, with rounding and without."""
    images = noise_images()
    for rounded in (True, False):
        result = kind(images, generator(), round_to_8_bit=rounded)
        assert result.shape == images.shape
        assert result.dtype == torch.float32
        assert result.device == images.device
        assert 0 <= float(result.min()) <= float(result.max()) <= 1


def check_rounding(kind: Degradation) -> None:
    """Rounding is the last step, on by default, and can be switched off."""
    images = noise_images()
    parameters = kind.sample(images.shape, generator())
    exact = kind.apply(images, parameters, round_to_8_bit=False)
    rounded = kind.apply(images, parameters)
    levels = rounded * 255
    assert float((levels - levels.round()).abs().max()) < 1e-3
    assert torch.equal(exact.mul(255).round().div(255), rounded)


def check_parameters(kind: Degradation) -> None:
    """One row of parameters for each image."""
    for name, value in kind.sample((5, 3, 16, 16), generator()).items():
        assert isinstance(value, Tensor)
        assert value.shape[0] == 5, f"{name} is {tuple(value.shape)}"


def check_same_seed(kind: Degradation) -> None:
    images = noise_images()
    for severity in (None, 0.3):
        first, second = (kind.sample(images.shape, generator(7), severity) for _ in range(2))
        assert same_parameters(first, second)
        result = kind.apply(images, first)
        assert torch.equal(result, kind.apply(images, second))
        assert torch.equal(result, kind(images, generator(7), severity))


def check_replay(kind: Degradation) -> None:
    """Applying draws nothing and leaves the parameters alone, so they replay at any later time."""
    images = noise_images()
    parameters = kind.sample(images.shape, generator(3))
    kept = {name: value.clone() for name, value in parameters.items()}
    first = kind.apply(images, parameters)
    kind.apply(noise_images(2, 3, 9, 9, seed=1), kind.sample((2, 3, 9, 9), generator(4)))
    assert torch.equal(kind.apply(images, parameters), first)
    assert same_parameters(parameters, kept)


def check_own_randomness(kind: Degradation) -> None:
    """All randomness comes from the generator: the global one is neither read nor moved."""
    images = noise_images()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = kind(images, generator(5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(kind(images, generator(5)), first)


def check_parameters_ignore_pixels(kind: Degradation) -> None:
    """Parameters depend on the generator, the batch's shape and the severity; a row on its own severity alone."""
    one = kind.sample((4, 3, 16, 16), generator(2), torch.tensor([0.0, 0.2, 0.5, 1.0]))
    two = kind.sample((4, 3, 16, 16), generator(2), torch.tensor([0.9, 0.2, 0.5, 0.1]))
    for name, value in one.items():
        if name != "seed":
            assert torch.equal(value[1:3], two[name][1:3])


def check_images_apart(kind: Degradation) -> None:
    """What becomes of one image, its noise too, does not depend on its neighbours in the batch."""
    images = noise_images(3, 3, 24, 20)
    parameters = kind.sample(images.shape, generator())
    result = kind.apply(images, parameters, round_to_8_bit=False)
    others = images.clone()
    others[0] = 0.5
    again = kind.apply(others, parameters, round_to_8_bit=False)
    assert torch.allclose(again[1:], result[1:], atol=1e-6)
    for i in range(3):
        row = {name: value[i : i + 1] for name, value in parameters.items()}
        alone = kind.apply(images[i : i + 1], row, round_to_8_bit=False)
        assert torch.allclose(alone, result[i : i + 1], atol=1e-5)


def check_mildest_is_visible(kind: Degradation) -> None:
    images = scene()
    for image, result in zip(images, kind(images, generator(), 0.0), strict=True):
        assert image_psnr(result, image) < 50


def check_bad_severity(kind: Degradation) -> None:
    for severity in (-0.01, 1.01, math.nan, math.inf, torch.tensor([0.5, 2.0]), torch.tensor([math.nan, 0.5])):
        raises_line(partial(kind.sample, (2, 3, 8, 8), generator(), severity), "severity")
    for severity in (torch.tensor([0.5, 0.5, 0.5]), torch.full((2, 1), 0.5)):
        shape = str(tuple(severity.shape))
        raises_line(partial(kind.sample, (2, 3, 8, 8), generator(), severity), "severity", shape)


def check_severity_per_image(kind: Degradation) -> None:
    levels = torch.tensor([0.0, 1.0])
    images = scene(1).repeat(2, 1, 1, 1)
    mixed = kind.sample(images.shape, generator(), levels)
    for i, level in enumerate((0.0, 1.0)):
        single = kind.sample(images.shape, generator(), level)
        for r in kind.drawn_ranges(levels):
            assert float(mixed[r.name][i]) == float(single[r.name][i]) == pytest.approx((r.mild, r.strong)[i])
    # each image once mild and once strong: what else is drawn for it is the same, and may decide more than the severity
    turned = kind.sample(images.shape, generator(), levels.flip(0))
    (mild, strong), (strong_too, mild_too) = kind.apply(images, mixed), kind.apply(images, turned)
    assert image_psnr(torch.stack([mild, mild_too]), images) > image_psnr(torch.stack([strong_too, strong]), images)


def check_psnr_falls(kind: Degradation) -> None:
    """Stronger is worse, on the average over seeds."""
    images = scene(2)

    def mean(severity: float) -> float:
        return sum(image_psnr(kind(images, generator(seed), severity), images) for seed in range(4)) / 4

    mild, middle, strong = (mean(severity) for severity in (0.0, 0.5, 1.0))
    assert strong - 0.05 <= middle <= mild + 0.05
    assert strong < mild


def check_bad_shapes(kind: Degradation) -> None:
    parameters = kind.sample((1, 3, 8, 8), generator())
    for shape in BAD_SHAPES:
        raises_line(partial(kind.sample, shape, generator()), str(shape))
        raises_line(partial(kind.apply, torch.zeros(shape), parameters), str(shape))


def check_bad_dtypes(kind: Degradation) -> None:
    parameters = kind.sample((1, 3, 8, 8), generator())
    for dtype in BAD_DTYPES:
        raises_line(partial(kind.apply, torch.zeros(1, 3, 8, 8, dtype=dtype), parameters), str(dtype))


def check_foreign_parameters(kind: Degradation) -> None:
    """The parameters of another batch are refused, not spread over the images, nor are images left out."""
    for drawn, given in ((1, 3), (3, 1), (2, 3)):
        parameters = kind.sample((drawn, 3, 8, 8), generator())
        raises_line(partial(kind.apply, noise_images(given, 3, 8, 8), parameters))


def check_input_kept(kind: Degradation) -> None:
    images = noise_images()
    kept = images.clone()
    result = kind(images, generator(), 1.0)
    result.zero_()
    assert torch.equal(images, kept), "the result must not share the memory of the input"


def check_sizes(kind: Degradation) -> None:
    for height, width in SIZES:
        for severity in (None, 0.0, 1.0):
            images = noise_images(2, 3, height, width)
            result = kind(images, generator(), severity)
            assert result.shape == images.shape
            assert 0 <= float(result.min()) <= float(result.max()) <= 1


def check_memory_layouts(kind: Degradation) -> None:
    images = noise_images(2, 3, 24, 20)
    parameters = kind.sample(images.shape, generator())
    expected = kind.apply(images, parameters, round_to_8_bit=False)
    strided = torch.zeros(2, 3, 48, 40)[..., ::2, ::2].copy_(images)
    turned = images.transpose(-1, -2).contiguous().transpose(-1, -2)
    for layout in (strided, turned, images.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(layout, images)
        assert torch.allclose(kind.apply(layout, parameters, round_to_8_bit=False), expected, atol=1e-6)


def check_autocast(kind: Degradation) -> None:
    """Mixed precision around the call changes nothing."""
    images = noise_images()
    parameters = kind.sample(images.shape, generator())
    expected = kind.apply(images, parameters, round_to_8_bit=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = kind.apply(images, parameters, round_to_8_bit=False)
    assert again.dtype == torch.float32
    assert torch.equal(again, expected)


def check_gpu(kind: Degradation) -> None:
    """On a GPU: the same parameters give the same pixels, but for noise (other numbers) and JPEG (rounding)."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    images = scene()
    parameters = kind.sample(images.shape, generator())
    first, second = (kind.apply(images.cuda(), parameters) for _ in range(2))
    assert first.is_cuda
    assert torch.equal(first, second)
    own = kind.sample(images.shape, generator(0, "cuda"))
    assert all(value.is_cuda for value in own.values())
    here = kind.apply(images, parameters)
    if "seed" in parameters:
        assert image_psnr(first.cpu(), images) == pytest.approx(image_psnr(here, images), abs=1)
    else:
        assert image_psnr(first.cpu(), here) > 38


DEGRADATION_CHECKS: tuple[Callable[[Degradation], None], ...] = (
    check_identity_card,
    check_result,
    check_rounding,
    check_parameters,
    check_same_seed,
    check_replay,
    check_own_randomness,
    check_parameters_ignore_pixels,
    check_images_apart,
    check_mildest_is_visible,
    check_bad_severity,
    check_severity_per_image,
    check_psnr_falls,
    check_bad_shapes,
    check_bad_dtypes,
    check_foreign_parameters,
    check_input_kept,
    check_sizes,
    check_memory_layouts,
    check_autocast,
    check_gpu,
)


def check_degradation(kind: Degradation) -> None:
    """The whole contract; without a GPU that part is left out."""
    for check in DEGRADATION_CHECKS:
        if check is not check_gpu or torch.cuda.is_available():
            check(kind)


# ---------------------------------------------------------------- networks


class NetworkClass(Protocol):
    """What the classes of the table have beside being modules."""

    @property
    def scale(self) -> int: ...

    def from_state(self, state: Mapping[str, Tensor]) -> nn.Module: ...


@runtime_checkable
class OutputsForTraining(Protocol):
    """A network of which more is trained than `forward` gives."""

    def training_outputs(self, images: Tensor) -> list[Tensor]: ...


def _class(preset: Preset) -> NetworkClass:
    return cast(NetworkClass, preset.network)


def _built(preset: Preset) -> nn.Module:
    torch.manual_seed(0)
    heads = (("rain", "haze"),) if issubclass(preset.network, MultiHead) else ()
    network = preset.network(*heads, **preset.options).eval()
    for value in network.parameters():  # what starts at 0 would keep what lies before it out of the output
        if not value.any():
            nn.init.normal_(value, std=0.1)
    return network


def _heads(network: nn.Module) -> list[tuple[str, ...]]:
    """What a network is called with, beside images, for each of its tasks."""
    return [(task,) for task in network.tasks] if isinstance(network, MultiHead) else [()]


def _training_outputs(network: nn.Module, images: Tensor) -> list[Tensor]:
    """All that is trained: what `forward` gives, of each task, unless the network says that there is more."""
    if isinstance(network, OutputsForTraining):
        return network.training_outputs(images)
    return [network(images, *head) for head in _heads(network)]


def check_heads(preset: Preset) -> None:
    """Each task's head is its own, behind what they share; a view shows one; a state of fewer tasks is a part."""
    network = _built(preset)
    if not isinstance(network, MultiHead):
        return
    assert network.tasks == ("haze", "rain")
    images = noise_images(1, 3, 40, 40)
    shown = {task: for_task(network, task)(images) for task in network.tasks}
    assert torch.equal(network(images), shown["haze"])
    assert not torch.equal(shown["haze"], shown["rain"])
    assert torch.equal(for_task(network, "snow")(images), shown["haze"])
    raises_line(lambda: network(images, "snow"), "'snow'", kind=UnknownNameError)
    alone = _class(preset).from_state(network.keep_tasks(network.state_dict(), ("rain",))).eval()
    assert isinstance(alone, MultiHead) and alone.tasks == ("rain",)
    assert torch.equal(alone(images), shown["rain"])
    several = network(noise_images(4, 3, 40, 40), ["rain", "haze", "haze", "rain"])
    for row, task in enumerate(("rain", "haze", "haze", "rain")):
        assert torch.allclose(several[row], network(noise_images(4, 3, 40, 40), task)[row], atol=1e-5)
    network.train()
    gradients = []
    for task in network.tasks:
        network.zero_grad()
        network(images, task).square().mean().backward()
        gradients.append({name for name, value in network.named_parameters() if value.grad is not None})
    assert gradients[0] & gradients[1]
    assert gradients[0] - gradients[1] and gradients[1] - gradients[0]


def check_output(preset: Preset) -> None:
    """(B, 3, H, W) -> (B, 3, scale H, scale W), for any size, finite, the same every time."""
    network, scale = _built(preset), _class(preset).scale
    with torch.no_grad():
        for shape in ((1, 3, 1, 1), (2, 3, 5, 8), (1, 3, 9, 6)):
            images = noise_images(*shape)
            kept = images.clone()
            output = network(images)
            assert output.shape == (shape[0], 3, scale * shape[2], scale * shape[3])
            assert output.dtype == torch.float32
            assert bool(torch.isfinite(output).all())
            assert torch.equal(network(images), output)
            assert torch.equal(images, kept)


def check_gradients(preset: Preset) -> None:
    """Every parameter takes part in what is trained."""
    network = _built(preset).train()
    # maps of one pixel hold no gradient for what lies before their normalisation
    side = max(8, 4 * getattr(network, "multiple", 1) if isinstance(network, MultiHead) else 8)
    images = noise_images(1, 3, side, side)
    torch.stack([output.square().mean() for output in _training_outputs(network, images)]).sum().backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, f"{name} gets no gradient"
        assert bool(torch.isfinite(value.grad).all())
        assert float(value.grad.abs().max()) > 0, f"the gradient of {name} is 0"


def check_round_trip(preset: Preset) -> None:
    """The state alone rebuilds the network, pixel for pixel, and is copied, not shared."""
    network = _built(preset)
    state = network.state_dict()
    again = _class(preset).from_state(state).eval()
    images = noise_images(1, 3, 6, 7)
    with torch.no_grad():
        expected = network(images)
        assert torch.equal(again(images), expected)
        for value in state.values():
            value.zero_()
        assert torch.equal(again(images), expected)


def check_bad_states(preset: Preset) -> None:
    """A missing, unexpected or misshapen entry is a WeightsError that names its key."""
    state, rebuilt = _built(preset).state_dict(), _class(preset).from_state
    for key in (next(iter(state)), list(state)[len(state) // 2], list(state)[-1]):
        missing = {name: value for name, value in state.items() if name != key}
        raises_line(partial(rebuilt, missing), f"'{key}'", kind=WeightsError)
        misshapen = state | {key: torch.zeros(*state[key].shape, 2)}
        raises_line(partial(rebuilt, misshapen), f"'{key}'", kind=WeightsError)
    raises_line(partial(rebuilt, state | {"stranger": torch.zeros(1)}), "'stranger'", kind=WeightsError)
    raises_line(partial(rebuilt, {}), kind=WeightsError)


NETWORK_CHECKS: tuple[Callable[[Preset], None], ...] = (
    check_heads,
    check_output,
    check_gradients,
    check_round_trip,
    check_bad_states,
)
