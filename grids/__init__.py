"""grids: how alike are image degradations, which tasks can share a network, which restorer fits an image.

>>> import grids
>>> similarity = grids.builtin_similarity()
>>> similarity.distance("ringing", "defocus_blur") < similarity.distance("ringing", "salt_pepper")
True
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grids.degradations import all_degradations as all_degradations
    from grids.degradations import degradation as degradation
    from grids.errors import GridsError as GridsError
    from grids.images import ReadOptions as ReadOptions
    from grids.pipeline.compare import builtin_similarity as builtin_similarity
    from grids.pipeline.compare import compare_runs as compare_runs
    from grids.pipeline.compare import load_similarity as load_similarity
    from grids.pipeline.degrade import degrade_file as degrade_file
    from grids.pipeline.degrade import degrade_folder as degrade_folder
    from grids.pipeline.evaluate import evaluate_restorer as evaluate_restorer
    from grids.pipeline.experiments import RunControl as RunControl
    from grids.pipeline.experiments import TrainingSettings as TrainingSettings
    from grids.pipeline.group import SearchSettings as SearchSettings
    from grids.pipeline.group import group_degradations as group_degradations
    from grids.pipeline.inputs import TaskSources as TaskSources
    from grids.pipeline.outputs import write_grouping as write_grouping
    from grids.pipeline.outputs import write_similarity as write_similarity
    from grids.pipeline.profile import profile_examples as profile_examples
    from grids.pipeline.profile import profile_run as profile_run
    from grids.pipeline.restore import restore_files as restore_files
    from grids.pipeline.run_report import write_verified as write_verified
    from grids.pipeline.select import select_images as select_images
    from grids.pipeline.similarity import SimilaritySettings as SimilaritySettings
    from grids.pipeline.similarity import measure_similarity as measure_similarity
    from grids.pipeline.train import train_descriptor as train_descriptor
    from grids.pipeline.train import train_restorer as train_restorer
    from grids.pipeline.train_groups import train_groups as train_groups
    from grids.restoration.restore import Restoration as Restoration
    from grids.restoration.restore import RestoreSettings as RestoreSettings
    from grids.results import Evaluation as Evaluation
    from grids.results import GGDParams as GGDParams
    from grids.results import Grouping as Grouping
    from grids.results import Selection as Selection
    from grids.results import SimilarityMatrix as SimilarityMatrix
    from grids.results import TrainingReport as TrainingReport
    from grids.results import selections_frame as selections_frame
    from grids.search import search_groups as search_groups
    from grids.selection.selector import Selector as Selector
    from grids.training.config import TrainingConfig as TrainingConfig

__version__ = "0.2.0"

# PyTorch's threads (libgomp) spin for milliseconds before they sleep, and take the processor from whoever has work:
# so they spin for some microseconds only. It is read when torch is imported, and what the user has set stays.
# What it costs and brings: benchmarks/waiting.py
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"

_PUBLIC = {
    "Evaluation": "grids.results",
    "GGDParams": "grids.results",
    "all_degradations": "grids.degradations",
    "GridsError": "grids.errors",
    "TrainingConfig": "grids.training.config",
    "Grouping": "grids.results",
    "ReadOptions": "grids.images",
    "RestoreSettings": "grids.restoration.restore",
    "RunControl": "grids.pipeline.experiments",
    "SearchSettings": "grids.pipeline.group",
    "SimilarityMatrix": "grids.results",
    "SimilaritySettings": "grids.pipeline.similarity",
    "TaskSources": "grids.pipeline.inputs",
    "TrainingReport": "grids.results",
    "TrainingSettings": "grids.pipeline.experiments",
    "builtin_similarity": "grids.pipeline.compare",
    "compare_runs": "grids.pipeline.compare",
    "degradation": "grids.degradations",
    "degrade_file": "grids.pipeline.degrade",
    "degrade_folder": "grids.pipeline.degrade",
    "evaluate_restorer": "grids.pipeline.evaluate",
    "group_degradations": "grids.pipeline.group",
    "load_similarity": "grids.pipeline.compare",
    "measure_similarity": "grids.pipeline.similarity",
    "search_groups": "grids.search",
    "Selection": "grids.results",
    "selections_frame": "grids.results",
    "Selector": "grids.selection.selector",
    "Restoration": "grids.restoration.restore",
    "select_images": "grids.pipeline.select",
    "restore_files": "grids.pipeline.restore",
    "profile_run": "grids.pipeline.profile",
    "profile_examples": "grids.pipeline.profile",
    "train_descriptor": "grids.pipeline.train",
    "train_groups": "grids.pipeline.train_groups",
    "train_restorer": "grids.pipeline.train",
    "write_grouping": "grids.pipeline.outputs",
    "write_similarity": "grids.pipeline.outputs",
    "write_verified": "grids.pipeline.run_report",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    # torch takes over a second to import: `grids --help` should not wait for it
    if name not in _PUBLIC:
        raise AttributeError(f"module 'grids' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
