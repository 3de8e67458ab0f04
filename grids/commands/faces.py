"""`grids faces`."""

from __future__ import annotations

from pathlib import Path

import click

from grids.commands import options, values


@click.command(cls=options.Command)
@click.argument("images", nargs=-1, required=True)
@click.option("--out", "-o", type=Path, required=True, metavar="FOLDER", help="A new folder for the faces.")
@click.option("--side", type=int, default=128, show_default=True, help="Side of crops, pixels; none is enlarged.")
@click.option("--all", "every", is_flag=True, help="Cut out all faces: NAME.png, NAME_2.png, ...")
@click.option("--boxes", type=Path, metavar="FILE.csv", help="Faces located by hand: file,left,top,width,height.")
@options.reading
def faces(
    images: tuple[str, ...], out: Path, side: int, every: bool, boxes: Path | None, reading: options.Reading
) -> None:
    """Crop the largest face from each of IMAGES: files, folders (with all below them), or the word `builtin`.

    The detector finds upright frontal faces and sometimes makes mistakes, so check the results. FOLDER/faces.csv holds
    their positions. After correcting it by hand, pass it as --boxes: photographs with boxes (from the brows to the
    chin) are not searched. A margin of three tenths of the face is added on each side.

    \b
    Examples:
      grids faces photos/ -o faces/
      grids faces photos/ -o faces/ --side 64 --all
      grids faces photos/ -o corrected/ --boxes boxes.csv
    """
    from grids.pipeline.faces import FACES, crop_faces
    from grids.pipeline.inputs import photo_paths
    from grids.pipeline.targets import check_apart
    from grids.reports.text import counted

    reading.use_threads()
    check_apart(images, out)
    sources = photo_paths(values.chosen_images(images))
    read = 0
    with reading.progress(len(sources)) as bar:

        def on_image(_: object) -> None:
            nonlocal read
            read += 1
            bar.update()

        found = crop_faces(
            sources, out, side=side, every=every, boxes=boxes, reading=reading.options, on_image=on_image
        )
    shown = len({face.photo for face in found})
    counts = f"{counted(len(found), 'face')} of {counted(shown, 'photograph')}"
    reading.say(f"{counts} in {out}, places in {out / FACES}; {read - shown} had none")
    reading.count_skipped()
