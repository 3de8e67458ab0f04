"""State dicts under the names of their authors' code: read as ours, where the network is the same one.

NAFNet as in megvii-research/NAFNet, Restormer as in swz30/Restormer, SRResNet as MSRResNet of mmsr and KAIR; BasicSR's
names for the last are our own. Only names and shapes come from there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from grids.errors import WeightsError
from grids.networks.nafnet import NAFNet
from grids.networks.restormer import Restormer
from grids.networks.srresnet import SRResNet, SRResNetX4
from grids.networks.table import TABLE


@dataclass(frozen=True)
class Layout:
    """How the entries of a network are called elsewhere.

    Args:
        network: the class.
        signs: entries that only it has there.
        names: parts of names there, between dots -> ours; a part of another one comes after it.
    """

    network: type[nn.Module]
    signs: tuple[str, ...]
    names: Mapping[str, str]

    def translate(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put a state under our names.

        Args:
            state: under the names of this layout. It is not changed; names that the layout does not know stay.

        Returns:
            The same tensors under our names; scales of channels that have a dimension for the batch lose it.
        """
        found = {_rename(key, self.names): value for key, value in state.items()}
        # scales of channels have a dimension for the batch there
        scales = {key for key in found if key.endswith((".beta", ".gamma")) and found[key].ndim == 4}
        return {key: value.squeeze(0) if key in scales else value for key, value in found.items()}

    def translate_back(self, message: str) -> str:
        """Replace our names in a message by those that the file has, so that its user finds them.

        Args:
            message: of an error; names in it stand in single quotes.

        Returns:
            The message with the quoted names replaced; other text stays.
        """
        back = {ours: theirs for theirs, ours in self.names.items()}
        return re.sub(r"'([\w.]+)'", lambda found: f"'{_rename(found[1], back)}'", message)


_MSRRESNET = {"recon_trunk": "body", "HRconv": "conv_hr"}
LAYOUTS = (
    Layout(
        NAFNet,
        ("intro.weight", "ending.weight"),
        {
            "intro": "first",
            "ending": "last",
            "middle_blks": "middle",
            "encoders": "encoder",
            "decoders": "decoder",
            "downs": "down",
            "ups": "up",
            "conv1": "expand1",
            "conv2": "depthwise",
            "sca.1": "attention",
            "conv3": "project1",
            "conv4": "expand2",
            "conv5": "project2",
        },
    ),
    Layout(
        Restormer,
        ("patch_embed.proj.weight", "output.weight"),
        {
            "patch_embed.proj": "first",
            "output": "last",
            "latent": "bottom",
            "encoder_level1": "encoder.0",
            "encoder_level2": "encoder.1",
            "encoder_level3": "encoder.2",
            "decoder_level3": "decoder.0",
            "decoder_level2": "decoder.1",
            "decoder_level1": "decoder.2",
            "down1_2.body": "down.0",
            "down2_3.body": "down.1",
            "down3_4.body": "down.2",
            "up4_3.body": "up.0",
            "up3_2.body": "up.1",
            "up2_1.body": "up.2",
            "reduce_chan_level3": "reduce.0",
            "reduce_chan_level2": "reduce.1",
            "norm1.body": "norm1",
            "norm2.body": "norm2",
            "attn.qkv_dwconv": "attention.qkv_depthwise",
            "attn.project_out": "attention.project",
            "attn.temperature": "attention.temperature",
            "attn.qkv": "attention.qkv",
            "ffn.project_in": "feed_forward.expand",
            "ffn.dwconv": "feed_forward.depthwise",
            "ffn.project_out": "feed_forward.project",
        },
    ),
    Layout(SRResNetX4, ("HRconv.weight", "upconv1.weight"), _MSRRESNET),
    Layout(SRResNet, ("HRconv.weight",), _MSRRESNET),
)
UNSUPPORTED = {
    "m_head.weight": "a DRUNet as published takes a map of the noise level beside the image, and none here does",
    "1.sub.0.res.0.weight": "an SRResNet whose body is skipped as a whole and that adds no enlarged input is none here",
    "skip_conv.weight": "a Restormer for dual-pixel images takes two of them, and none here does",
}
"""An entry of a published network that differs from ours -> how."""


def translate(state: Mapping[str, Tensor], network: type[nn.Module]) -> Mapping[str, Tensor]:
    """Put a state under our names, if it is that network's under published ones.

    Args:
        state: of any network. It is not changed.
        network: the class that is wanted.

    Returns:
        The state under our names; the state itself where it is of no published layout, or of another network's.
    """
    layout = _find_layout(state)
    return state if layout is None or layout.network is not network else layout.translate(state)


def load_network(state: Mapping[str, Tensor], network: type[nn.Module] | None = None) -> nn.Module | None:
    """Make the network that a state belongs to, under our names or published ones; its size is read off the state.

    Args:
        state: all of its weights. It is not changed.
        network: the class that it must be; None for any of `TABLE`.

    Returns:
        The network with these weights, on the CPU, in training mode; None where no class is named and none fits.

    Raises:
        WeightsError: it is not of that class, or of one as published that differs from ours; the message names the
            entry as the state does.
    """
    if (known := next((UNSUPPORTED[key] for key in UNSUPPORTED if key in state), None)) is not None:
        raise WeightsError(known)
    if "upconv1.weight" in state and "upconv2.weight" not in state:
        raise WeightsError("an SRResNet that enlarges images 2 or 3 times is none here")
    if network in (SRResNet, SRResNetX4) and any(key.endswith(".running_mean") for key in state):
        raise WeightsError("an SRResNet with batch normalization is none here")
    layout = _find_layout(state)
    if layout is not None:
        if network not in (None, layout.network):
            raise WeightsError(f"these are the weights of {layout.network.__name__}, not {network.__name__}")
        try:
            return layout.network.from_state(layout.translate(state))  # type: ignore[attr-defined]
        except WeightsError as error:
            raise WeightsError(layout.translate_back(str(error))) from error
    if network is not None:
        return network.from_state(state)  # type: ignore[attr-defined]
    for one in dict.fromkeys(preset.network for preset in TABLE.values()):
        try:
            return one.from_state(state)  # type: ignore[attr-defined]
        except WeightsError:
            continue
    return None


def _find_layout(state: Mapping[str, Tensor]) -> Layout | None:
    return next((layout for layout in LAYOUTS if all(sign in state for sign in layout.signs)), None)


def _rename(key: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        key = re.sub(rf"(?:(?<=\.)|^){re.escape(theirs)}(?=\.|$)", ours, key, count=1)
    return key
