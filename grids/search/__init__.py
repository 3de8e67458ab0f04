"""The grouping search: it asks for the drops of groups, as rarely as it can. It knows no torch and no training."""

from grids.search.drop_table import DropTable
from grids.search.methods.agglomerative import tag_selection
from grids.search.problem import Answer, Problem
from grids.search.result import groups_over_delta, trials_at_hand
from grids.search.run import Evaluation, Evaluator, Planned, plan_search, run_search, search_groups
from grids.search.search import METHODS, Search, find_method
from grids.search.trial_log import TrialLog

__all__ = [
    "METHODS",
    "Answer",
    "DropTable",
    "Evaluation",
    "Evaluator",
    "Planned",
    "Problem",
    "Search",
    "TrialLog",
    "find_method",
    "groups_over_delta",
    "plan_search",
    "run_search",
    "search_groups",
    "tag_selection",
    "trials_at_hand",
]
