"""The networks: one file an architecture, all presets in the `TABLE` of table.py.

`build` makes a network by the name of its preset; `from_state` of each class makes the one that a state dict belongs
to.
"""

from grids.networks.deconvolution import Deconvolution as Deconvolution
from grids.networks.durbm import DuRBM as DuRBM
from grids.networks.martyniuk import MartyniukFPN as MartyniukFPN
from grids.networks.martyniuk import MartyniukResNet as MartyniukResNet
from grids.networks.nafnet import NAFNet as NAFNet
from grids.networks.restormer import Restormer as Restormer
from grids.networks.shen import ShenFace as ShenFace
from grids.networks.srresnet import SRResNet as SRResNet
from grids.networks.srresnet import SRResNetX4 as SRResNetX4
from grids.networks.table import FIXED as FIXED
from grids.networks.table import TABLE as TABLE
from grids.networks.table import Preset as Preset
from grids.networks.table import build as build
from grids.networks.table import preset as preset
from grids.networks.unet import UNet as UNet
from grids.networks.walha import WalhaNet as WalhaNet
