"""The names of the built-in degradations, for whoever needs no more than these: nothing here imports torch."""

from __future__ import annotations

ELEVEN = (
    "gaussian_blur",
    "motion_blur",
    "richardson_lucy",
    "super_resolution",
    "ringing",
    "defocus_blur",
    "jpeg",
    "poisson_noise",
    "inpainting",
    "gaussian_noise",
    "salt_pepper",
)
"""The paper's eleven degradations, in its order: what commands take where none are named."""

WEATHER = ("haze", "rain", "raindrop", "snow", "low_light")
"""Five others, which no restorer has seen unless they were named as tasks: weather and darkness."""

NAMES = (*ELEVEN, *WEATHER, "trajectory_blur", "frame_blur", "sensor_noise")
"""All of them, in the order of `grids.degradations.table.TABLE`."""
