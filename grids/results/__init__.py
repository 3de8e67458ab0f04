"""The records that the stages hand to one another, with JSON in and out."""

from grids.results.evaluation import Evaluation, Score, mean_score
from grids.results.grouping import CERTIFICATES, VERDICTS, WORST, DeltaStep, Group, Grouping, Trial
from grids.results.selection import (
    CLEAN,
    CLEAN_CELL,
    IN_DISTRIBUTION,
    OTHER,
    OUT_OF_DISTRIBUTION,
    SELECTION_VERDICTS,
    UNKNOWN_CELL,
    Ranked,
    Selection,
    selections_csv,
    selections_frame,
)
from grids.results.similarity import FloatArray, GGDParams, SimilarityMatrix
from grids.results.training import ALL, SETTLED, Point, TrainingReport, TrainingRun

__all__ = [
    "ALL",
    "CERTIFICATES",
    "CLEAN",
    "CLEAN_CELL",
    "IN_DISTRIBUTION",
    "OTHER",
    "OUT_OF_DISTRIBUTION",
    "SELECTION_VERDICTS",
    "SETTLED",
    "UNKNOWN_CELL",
    "VERDICTS",
    "WORST",
    "DeltaStep",
    "Evaluation",
    "FloatArray",
    "GGDParams",
    "Group",
    "Grouping",
    "Point",
    "Ranked",
    "Score",
    "Selection",
    "SimilarityMatrix",
    "TrainingReport",
    "TrainingRun",
    "Trial",
    "mean_score",
    "selections_csv",
    "selections_frame",
]
