"""Measure the matrix that ships: the eleven degradations on the fit split, as published (800 patches, 300 components).

    python benchmarks/builtin_matrix.py runs/builtin

Writes the run folder, grids/weights/similarity.json and its line in the manifest. About ten minutes on two cores.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common import WEIGHTS, enter_in_manifest, machine, split_files

import grids
from grids import weights

if __name__ == "__main__":
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/builtin")
    start = time.perf_counter()
    similarity = grids.measure_similarity(
        split_files("fit"),
        grids.SimilaritySettings.paper(intervals=True),
        out=run,
        on_row=lambda name, _: print(f"{time.perf_counter() - start:7.1f} s  {name}", flush=True),
    )
    grids.write_similarity(similarity, run)
    similarity.save(WEIGHTS / weights.SIMILARITY)
    enter_in_manifest(
        WEIGHTS / weights.SIMILARITY,
        "similarity matrix of the eleven degradations, with intervals",
        measured_on="the 603 photographs that the descriptor learnt from",
        settings="800 patches of 32 x 32, 300 components, last layer, fp32, seed 0",
    )
    print(machine())
