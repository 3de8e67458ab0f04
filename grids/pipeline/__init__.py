"""The only place that wires the stages together: what the commands do, and what Python users call."""

from grids.pipeline.compare import compare_runs
from grids.pipeline.degrade import contact_sheet_of, degrade_file, degrade_folder
from grids.pipeline.outputs import write_similarity
from grids.pipeline.similarity import (
    SimilaritySettings,
    builtin_similarity,
    check_apart,
    example_sheet,
    load_similarity,
    measure_similarity,
    photo_paths,
)

__all__ = [
    "SimilaritySettings",
    "builtin_similarity",
    "check_apart",
    "compare_runs",
    "contact_sheet_of",
    "degrade_file",
    "degrade_folder",
    "example_sheet",
    "load_similarity",
    "measure_similarity",
    "photo_paths",
    "write_similarity",
]
