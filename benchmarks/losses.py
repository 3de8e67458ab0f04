"""Which loss restorers should be trained with, and which network: small trials, recorded in losses.jsonl.

    python benchmarks/losses.py train [--steps 3500] [--only l1 "log-mse, 45 dB" ...] [--network nafnet]
    python benchmarks/losses.py train --start FILE --steps 500       # from weights, not from random ones
    python benchmarks/losses.py report

Every trial trains a network for all eleven kinds on `photographs` (split fit) and measures it on crops of split val, as
pairs.py does: as made, after JPEG 90, grey, at low severity, and how far clean images come out from themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from common import parser, read_records, table
from pairs import CLEAN, MEASURED, Trial, mean_gains, measured, recorded, to_themselves
from torch import Tensor

from grids.degradations import ELEVEN, degradation
from grids.restoration.models import initialize, load_start, start_weights
from grids.training import losses
from grids.training.config import TrainingConfig
from grids.training.datasets import Batches
from grids.training.losses.pixel import log_mse
from grids.training.photographs import Photographs
from grids.training.systems.base import SupervisedSystem
from grids.training.tasks import Synthesized
from grids.training.trainer import train

FILE = Path(__file__).with_suffix(".jsonl")
TRIED: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    **{name: losses.LOSSES[name] for name in ("l1", "charbonnier")},
    **{f"log-mse, {floor} dB": partial(log_mse, floor=10 ** (-floor / 10)) for floor in (50, 45, 40)},
}


def trial(
    network_name: str, steps: int, start: Path | None, name: str, photographs: Photographs, clean: Tensor
) -> Trial:
    config = TrainingConfig(iterations=steps, learning_rate=5e-4 if start else 1e-3, average=0.99 if start else 0.999)
    network = initialize(network_name, 0)
    if start is not None:
        load_start(network, start_weights(start, network_name))
    system = SupervisedSystem(network, TRIED[name])
    tasks = [Synthesized(degradation(kind)) for kind in ELEVEN]
    begun = time.process_time()
    made = train(system, Batches(tasks, photographs, config.crop, config.batch, 0, data=config.data), config).network
    seconds = round(time.process_time() - begun)
    given = "" if start is None else start.name
    return Trial(
        {"network": network_name, "loss": name, "steps": steps, "start": given, "seconds": seconds},
        measured(made, clean),
    )


def report() -> str:
    rows = []
    for one in map(Trial.from_json, read_records(FILE)):
        made = one.settings
        how = (made["network"], made["loss"], made["start"] or "random weights", made["steps"], made["seconds"] or "-")
        rows.append((*how, *mean_gains(one.gains), *to_themselves(one.gains)))
    return table(("network", "loss", "from", "steps", "core-seconds", *MEASURED, *CLEAN), rows)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report"))
    options.add_argument("--steps", type=int, default=3500)
    options.add_argument("--start", type=Path)
    options.add_argument("--network", default="unet")
    options.add_argument("--only", nargs="+", choices=TRIED, default=list(TRIED), metavar="LOSS")
    chosen = options.parse_args()
    if chosen.what == "train":
        recorded(FILE, chosen.only, partial(trial, chosen.network, chosen.steps, chosen.start))
    print(report())
