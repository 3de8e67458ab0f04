"""The records that the stages hand to one another, with JSON in and out."""

from grids.results.evaluation import Evaluation, Score, mean_score
from grids.results.grouping import CERTIFICATES, VERDICTS, WORST, DeltaStep, Group, Grouping, Trial
from grids.results.selection import (
    CLEAN,
    CLEAN_CELL,
    KNOWN,
    OTHER,
    SELECTION_VERDICTS,
    UNKNOWN,
    UNKNOWN_CELL,
    Candidate,
    Ranked,
    Selection,
    Verdict,
    selections_csv,
)
from grids.results.similarity import FloatArray, GGDParams, SimilarityMatrix
from grids.results.training import ALL, SETTLED, Point, TrainingReport, TrainingRun

__all__ = [
    "ALL",
    "CERTIFICATES",
    "CLEAN",
    "CLEAN_CELL",
    "KNOWN",
    "OTHER",
    "SELECTION_VERDICTS",
    "SETTLED",
    "UNKNOWN",
    "UNKNOWN_CELL",
    "VERDICTS",
    "WORST",
    "Candidate",
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
    "Verdict",
    "mean_score",
    "selections_csv",
]
