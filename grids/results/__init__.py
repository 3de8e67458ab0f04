"""The records that the stages hand to one another, with JSON in and out."""

from grids.results.grouping import CERTIFICATES, VERDICTS, WORST, DeltaStep, Group, Grouping, Trial
from grids.results.similarity import FloatArray, GGDParams, SimilarityMatrix

__all__ = [
    "CERTIFICATES",
    "VERDICTS",
    "WORST",
    "DeltaStep",
    "FloatArray",
    "GGDParams",
    "Group",
    "Grouping",
    "SimilarityMatrix",
    "Trial",
]
