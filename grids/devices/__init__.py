"""Where to compute and on how many threads, and how much the machine lets this process use."""

from grids.devices.limits import free_memory, keep_freed_memory, usable_cpus
from grids.devices.placement import computes_in_bf16, exact_float32, moved, resolve
from grids.devices.threads import SharedChange, for_each, spread, use_threads

__all__ = [
    "SharedChange",
    "computes_in_bf16",
    "exact_float32",
    "for_each",
    "free_memory",
    "keep_freed_memory",
    "moved",
    "resolve",
    "spread",
    "usable_cpus",
    "use_threads",
]
