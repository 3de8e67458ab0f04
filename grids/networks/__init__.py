"""The networks, in one visible table.

A new one is a file here and a line in `TABLE`; see CONTRIBUTING.md.
"""

from __future__ import annotations

from torch import nn

from grids.networks.srresnet import SRResNetX4

__all__ = ["TABLE", "SRResNetX4"]

TABLE: dict[str, type[nn.Module]] = {
    "srresnet-x4": SRResNetX4,
}
