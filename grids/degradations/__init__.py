"""The degradations: one file a family, all of them in the `TABLE` of table.py."""

from grids.builtin import ELEVEN, NAMES, WEATHER
from grids.degradations.base import Degradation, Parameters, Range
from grids.degradations.plugins import FunctionDegradation, check_name, load_function
from grids.degradations.table import all_degradations, degradation

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
