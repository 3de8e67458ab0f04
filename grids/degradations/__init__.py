"""The degradations: one file a family, all of them in the `TABLE` of table.py."""

from grids.degradations.base import Degradation, Parameters
from grids.degradations.plugins import FunctionDegradation, check_name, load_function
from grids.degradations.ranges import Range
from grids.degradations.table import all_degradations, degradation
from grids.names import ELEVEN, NAMES, WEATHER

__all__ = [
    "ELEVEN",
    "NAMES",
    "WEATHER",
    "Degradation",
    "FunctionDegradation",
    "Parameters",
    "Range",
    "all_degradations",
    "check_name",
    "degradation",
    "load_function",
]
