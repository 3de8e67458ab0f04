"""The records that the stages hand to one another, with JSON in and out."""

from grids.results.evaluation import Evaluation, Score, mean_score
from grids.results.grouping import CERTIFICATES, VERDICTS, WORST, DeltaStep, Group, Grouping, Trial
from grids.results.similarity import FloatArray, GGDParams, SimilarityMatrix
from grids.results.training import ALL, SETTLED, Point, TrainingReport, TrainingRun

__all__ = [
    "ALL",
    "CERTIFICATES",
    "SETTLED",
    "VERDICTS",
    "WORST",
    "DeltaStep",
    "Evaluation",
    "FloatArray",
    "GGDParams",
    "Group",
    "Grouping",
    "Point",
    "Score",
    "SimilarityMatrix",
    "TrainingReport",
    "TrainingRun",
    "Trial",
    "mean_score",
]
