"""The degradations: one file a family, all of them in the `TABLE` of table.py."""

from grids.builtin import ELEVEN as ELEVEN
from grids.builtin import NAMES as NAMES
from grids.builtin import WEATHER as WEATHER
from grids.degradations.base import Degradation as Degradation
from grids.degradations.base import Parameters as Parameters
from grids.degradations.plugins import FunctionDegradation as FunctionDegradation
from grids.degradations.plugins import check_name as check_name
from grids.degradations.plugins import load_function as load_function
from grids.degradations.ranges import Range as Range
from grids.degradations.table import all_degradations as all_degradations
from grids.degradations.table import degradation as degradation
