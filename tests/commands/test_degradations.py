"""`grids degradations`: every kind, with its ranges and source."""

from __future__ import annotations

import json

from command_line import Call

from grids.degradations import NAMES


def test_degradations_are_listed(call: Call) -> None:
    code, out, err = call("degradations")
    assert (code, err) == (0, "")
    assert all(f"{name} " in out for name in NAMES)
    assert out.count("source: ") == len(NAMES)
    code, out, _ = call("degradations", "--json")
    records = {record["name"]: record for record in json.loads(out)}
    assert tuple(records) == NAMES
    jpeg = records["jpeg"]["ranges"][0]
    assert (jpeg["name"], jpeg["mild"], jpeg["strong"]) == ("quality", 60, 10)
