"""`grids faces`."""

from __future__ import annotations

from typing import Any

from grids import devices
from grids.commands.options import chosen_images, count_skipped, progress, say, skipper
from grids.images import ReadOptions, Skipped
from grids.pipeline.faces import FACES, crop_faces
from grids.pipeline.inputs import photo_paths
from grids.pipeline.run_folder import check_apart


def faces(images: tuple[str, ...], **options: Any) -> None:
    """`grids faces`."""
    devices.use_threads(options["jobs"])
    check_apart(images, options["out"])
    sources = photo_paths(chosen_images(images))
    skipped: list[Skipped] = []
    read = 0
    with progress(len(sources), "images", options["quiet"]) as bar:

        def on_image(_: object) -> None:
            nonlocal read
            read += 1
            bar.update()

        found = crop_faces(
            sources,
            options["out"],
            side=options["side"],
            every=options["every"],
            boxes=options["boxes"],
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
            on_image=on_image,
        )
    shown = len({face.photo for face in found})
    counts = f"{_counted(len(found), 'face')} of {_counted(shown, 'photograph')}"
    say(options, f"{counts} in {options['out']}, places in {options['out'] / FACES}; {read - shown} had none")
    count_skipped(skipped)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
