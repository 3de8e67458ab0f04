"""`grids networks`: every preset, with its size."""

from __future__ import annotations

import json

from command_line import Call


def test_networks_are_listed(call: Call) -> None:
    code, out, err = call("networks")
    assert (code, err) == (0, "")
    assert "26.13 M" in out
    records = {record["name"]: record for record in json.loads(call("networks", "--json")[1])}
    assert records["srresnet"]["parameters"] == 1_222_147
    assert records["nafnet"]["multiply_adds"] < records["restormer"]["multiply_adds"]
