"""The networks: one file an architecture, all presets in the `TABLE` of table.py."""

from grids.networks.durbm import DuRBM
from grids.networks.martyniuk import MartyniukFPN, MartyniukResNet
from grids.networks.nafnet import NAFNet
from grids.networks.restormer import Restormer
from grids.networks.shen import ShenFace
from grids.networks.srresnet import SRResNet, SRResNetX4
from grids.networks.table import TABLE, Preset, build, preset
from grids.networks.unet import UNet
from grids.networks.walha import WalhaNet

__all__ = [
    "TABLE",
    "DuRBM",
    "MartyniukFPN",
    "MartyniukResNet",
    "NAFNet",
    "Preset",
    "Restormer",
    "SRResNet",
    "SRResNetX4",
    "ShenFace",
    "UNet",
    "WalhaNet",
    "build",
    "preset",
]
