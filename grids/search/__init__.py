"""The grouping search: it asks for the drops of groups, as rarely as it can. It knows no torch and no training."""

from grids.search.curve import groups_over_delta
from grids.search.drop_table import DropTable
from grids.search.dry_run import Planned, plan
from grids.search.problem import Answer, Problem
from grids.search.result import trials_at_hand
from grids.search.run import Evaluation, Evaluator, run_search, search_groups
from grids.search.search import METHODS, Search
from grids.search.tag import tag_selection
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
    "groups_over_delta",
    "plan",
    "run_search",
    "search_groups",
    "tag_selection",
    "trials_at_hand",
]
