"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from grids import __version__
from grids.errors import GridsError

MAX_PIXELS = 200_000_000
Command = Callable[..., Any]


class Commands(click.Group):
    """A group that suggests the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from grids.errors import unknown_name

            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="grids")
@click.pass_context
def cli(context: click.Context) -> None:
    """Measure how alike image degradations are, and build on it.

    \b
    Examples:
      grids similarity photos/          the similarity matrix on your photographs
      grids similarity --show           the matrix that ships, at once
      grids group --delta 0.7           which degradations can share a restorer
      grids degrade photo.png --all     one photograph under all degradations
      grids select photo.png            which restorer a photograph needs
      grids train photos/               one restorer for all tasks
      grids restore photo.png           the restorer that a photograph needs
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def reading(command: Command) -> Command:
    """The options that every command has which reads images."""
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
        click.option(
            "--max-pixels",
            type=click.IntRange(min=1),
            default=MAX_PIXELS,
            show_default=True,
            help="Refuse larger images.",
        ),
        click.option("--jobs", "-j", type=int, help="CPU threads.  [default: all that the process may use]"),
    ):
        command = option(command)
    return command


def common(command: Command) -> Command:
    """The options that every command has which draws something from images, too."""
    seed = click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is drawn.")
    return reading(seed(command))


def trained(command: Command) -> Command:
    """The options that every command has which trains."""
    for option in (
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps."),
        click.option("--time-budget", metavar="TIME", help="Such as 90s, 20m or 2h; the same command goes on later."),
        click.option("--log", type=Path, metavar="FILE.csv", help="Write step, loss and speed every ten seconds."),
        click.option("--from-scratch", is_flag=True, help="Start from random weights, as the papers do."),
        click.option("--start", metavar="FILE", help="Weights that training starts from."),
        click.option("--pairs", multiple=True, metavar="NAME=INPUTS:TARGETS", help="A task: two folders of images."),
        click.option("--degradation", "plugins", multiple=True, metavar="NAME=FILE.py:FUNCTION", help="A task too."),
        click.option("--precision", help="auto, fp32, bf16 or fp16.  [default: auto]"),
        click.option("--learning-rate", type=float, help="At its peak.  [default: of the budget]"),
        click.option("--batch", type=int, help="Crops in a step.  [default: of the budget]"),
        click.option("--crop", type=int, help="Side of the crops, pixels.  [default: of the budget]"),
        click.option("--steps-per-model", is_flag=True, help="Count steps for each model, not for each task."),
        click.option("--iterations", type=int, help="Steps for each task, or each model.  [default: of the budget]"),
        click.option("--budget", help="quick, standard or paper.  [default: standard; of groups and recipes quick]"),
        click.option("--data", help="photographs or pristine, see above.  [default: photographs]"),
        click.option("--trunk", type=Path, metavar="FILE", help="ImageNet weights of the recipe's network's trunk."),
        click.option("--vgg", type=Path, metavar="FILE", help="VGG-19 weights, for the recipe's losses on features."),
        click.option("--sampler", help="mixed, each, turns, cycles, temperature; as mixed:jpeg=2.  [default: mixed]"),
        click.option("--recipe", metavar="NAME", help="As a paper trains its restorers; see `grids recipes`."),
        click.option("--network", help="See `grids networks`.  [default: unet, or the recipe's]"),
    ):
        command = option(command)
    return command


@cli.command()
@click.argument("images", nargs=-1)
@click.option("--out", "-o", type=Path, help="The run folder.  [default: runs/similarity]")
@click.option("--degradations", help="Names, separated by commas.  [default: the paper's eleven]")
@click.option(
    "--degradation", "plugins", multiple=True, metavar="NAME=FILE.py:FUNCTION", help="A function of your own."
)
@click.option("--extra", multiple=True, metavar="NAME=FOLDER", help="Images that already bear a degradation.")
@click.option("--patches", type=int, help="Patches for each degradation, 8 or more.  [default: 192]")
@click.option("--patch-size", type=int, help="Side of a patch in pixels, 8 to 512.  [default: 32]")
@click.option("--components", type=int, help="Principal components.  [default: 3/8 of the patches]")
@click.option("--layer", help="Of the descriptor: last or body.  [default: last]")
@click.option("--descriptor", type=Path, help="Weights of an SRResNet x4 (.safetensors, .pth).  [default: built in]")
@click.option("--precision", help="Of the descriptor: auto, fp32 or bf16.  [default: auto]")
@click.option("--intervals", is_flag=True, help="Measure an interval for every entry (5 photographs or more).")
@click.option("--paper", is_flag=True, help="As published: 800 patches, 300 components, fp32.")
@click.option("--order", type=click.Choice(["cluster", "paper"]), default="cluster", help="Of the heatmap's rows.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--show", is_flag=True, help="Print the matrix of --out, or the one that ships; measure nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print similarity.json instead of tables.")
@common
def similarity(images: tuple[str, ...], **options: Any) -> None:
    """Measure how alike degradations are on IMAGES: folders (with all below them), files, or the word
    `builtin` (the default).

    \b
    Examples:
      grids similarity
      grids similarity photos/ --out runs/mine --intervals
      grids similarity photos/ --degradations jpeg,gaussian_noise,defocus_blur
      grids similarity photos/ --extra haze=hazy_photos/ --degradation fog=my.py:fog
    """
    if options["show"]:
        from grids.commands import show

        show.show(images, options)
        return
    from grids.commands import similarity as command

    command.similarity(images, **options)


@cli.command()
@click.argument("images", nargs=-1)
@click.option(
    "--delta", type=float, default=0.7, show_default=True, help="Largest drop of a degradation in its group, dB."
)
@click.option("--delta-for", multiple=True, metavar="NAME=DB", help="Another delta for one degradation.")
@click.option(
    "--drops",
    help="A CSV with the columns group (names joined by +), degradation, drop (dB) and, if wanted, noise; "
    "`study`, the trainings that ship, or `paper`, what GRIDS published for Restormer.  [default: study]",
)
@click.option(
    "--similarity", default="builtin", show_default=True, help="A similarity.json, a run folder, or `builtin`."
)
@click.option("--method", default="exact", show_default=True, help="exact, paper or agglomerative.")
@click.option("--degradations", help="Names, separated by commas.  [default: all of the matrix]")
@click.option("--max-groups", type=click.IntRange(min=1), help="More groups are an error.")
@click.option("--all-solutions", is_flag=True, help="List every partition with as few groups that the answers allow.")
@click.option("--no-shortcuts", is_flag=True, help="Do not assume that a group is never better than a part of it.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked for or trained, and how long it takes.")
@click.option("--out", "-o", type=Path, help="The run folder.  [default: runs/group, with IMAGES runs/groups]")
@click.option("--resume", is_flag=True, help="Go on with the trials.sqlite of the run folder; with IMAGES always done.")
@click.option("--trials", is_flag=True, help="Print every group that was asked for, too.")
@click.option("--json", "as_json", is_flag=True, help="Print groups.json instead of text.")
@trained
@click.option("--val", multiple=True, metavar="PHOTOS", help="Measure on these.  [default: one of five of IMAGES]")
@click.option("--only", help="upper-bounds or search: a part of the work.")
@click.option("--from", "partition", type=Path, metavar="GROUPS.JSON", help="Train its groups; search for none.")
@click.option("--repeats", type=click.IntRange(min=1), default=2, show_default=True, help="Seeds, near delta.")
@click.option("--no-early-stop", is_flag=True, help="Train groups that are clearly beyond delta to their end.")
@common
def group(images: tuple[str, ...], **options: Any) -> None:
    """Group degradations: the fewest groups such that one restorer for each loses at most delta dB against the
    restorers of single degradations.

    With IMAGES (folders, files or the word `builtin`) restorers are trained and measured on them. Without, what a
    group loses comes from a table of drops; groups that it does not hold are unknown, and left out.

    --data is what restorers learn from. photographs: faint damage too, half of the inputs saved as JPEG of 75 or more
    after it, some grey, some clean. pristine, as in the paper and with --budget paper: clean crops, degraded.

    \b
    Examples:
      grids group --delta 0.7
      grids group photos/ --delta 0.7 --time-budget 20m --out runs/mine
      grids group photos/ --from runs/mine --network restormer --budget standard --out runs/restormer
      grids group photos/ --recipe liu-durbm --out runs/liu
      grids group photos/ --pairs fog=foggy/:clear/ --degradations fog,jpeg,gaussian_noise --similarity runs/s
      grids group --delta 0.5 --drops drops.csv --similarity runs/mine --out runs/groups
      grids group --degradations jpeg,gaussian_noise,salt_pepper --method paper --dry-run
    """
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    options["given"] = {name for name in options if context.get_parameter_source(name) is source}
    if images or options["partition"] is not None:
        from grids.commands import verify

        verify.verify(images, **options)
        return
    from grids.commands import group as command

    command.group(**options)


@cli.command()
@click.argument("images", nargs=-1)
@click.option(
    "--tasks", default="all", show_default=True, help="Names, by commas; all: the paper's eleven, or the recipe's."
)
@trained
@click.option("--topology", metavar="TEXT", help="Where decoders attach, as R>B>J>H (liu-durbm).")
@click.option("--loss", help="log-mse, l1, charbonnier or ssim-l1.  [default: of the budget]")
@click.option("--val", multiple=True, metavar="PHOTOS", help="Measure on these.  [default: one of five of IMAGES]")
@click.option("--out", "-o", type=Path, metavar="FILE", help="The weights.  [default: runs/train/model.safetensors]")
@click.option("--resume", is_flag=True, help="An error where there is nothing to go on with; going on needs no flag.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the training instead of a table.")
@common
def train(images: tuple[str, ...], **options: Any) -> None:
    """Train one restorer alone on IMAGES: folders (with all below them), files, or the word `builtin` (the default).

    It begins with the weights that ship for its network, if there are any. A training that was broken off (Ctrl-C,
    --time-budget, a crash) goes on when the same command is given again.

    --data is what it learns from. photographs: faint damage too, half of the inputs saved as JPEG of 75 or more after
    it, some grey, some clean. pristine, as in the papers and with --budget paper: clean crops, degraded.

    \b
    Examples:
      grids train --tasks gaussian_noise,jpeg photos/
      grids train --network restormer --budget standard photos/ --val others/ --out runs/mine/restormer.safetensors
      grids train --tasks fog,jpeg --pairs fog=foggy/:clear/ photos/ --time-budget 20m
      grids train --tasks rain --start runs/train/model.safetensors --out rain.safetensors
      grids train --recipe liu-durbm photos/ --out runs/liu/model.safetensors
    """
    from grids.commands import train as command

    command.train(images, **options)


@cli.command()
@click.argument("model", type=Path)
@click.argument("images", nargs=-1)
@click.option("--tasks", default="all", show_default=True, help="Names, separated by commas; all: those of the model.")
@click.option("--network", help="Of MODEL, where its file does not say; see `grids networks`.")
@click.option(
    "--pairs", multiple=True, metavar="NAME=INPUTS:TARGETS", help="A task, or real images of one: two folders."
)
@click.option("--degradation", "plugins", multiple=True, metavar="NAME=FILE.py:FUNCTION", help="A task too.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--as-made", is_flag=True, help="Do not measure after JPEG 90 too, which takes as long again.")
@click.option("--csv", type=Path, metavar="FILE", help="Write the figures of every photograph.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@common
def evaluate(model: Path, images: tuple[str, ...], **options: Any) -> None:
    """Measure MODEL, the file of a restorer, on the whole photographs IMAGES: folders, files, or the word `builtin`
    (the default).

    PSNR and SSIM (RGB, 8 bit, no border cut) before and after, for each task: of photographs as they are degraded, and
    of the same saved once as JPEG 90 (4:2:0), as photographs mostly are.

    \b
    Examples:
      grids evaluate runs/train/model.safetensors photos/
      grids evaluate runs/train/model.safetensors photos/ --tasks jpeg,ringing --csv scores.csv
      grids evaluate fog.safetensors --tasks fog --pairs fog=foggy/:clear/
      grids evaluate model.safetensors --tasks rain --pairs rain=rainy/:clear/          # real images of a known task
      grids evaluate downloaded.pth photos/ --network nafnet-32 --tasks gaussian_noise
    """
    from grids.commands import evaluate as command

    command.evaluate(model, images, **options)


@cli.command()
@click.argument("images", nargs=-1)
@click.option("--iterations", type=int, help="Steps.  [default: 20000]")
@click.option("--crop", type=int, help="Side of the crops before they are reduced, pixels.  [default: 96]")
@click.option("--batch", type=int, help="Crops in a step.  [default: 16]")
@click.option("--learning-rate", type=float, help="At its peak.  [default: 0.0002]")
@click.option("--precision", help="auto, fp32, bf16 or fp16.  [default: auto]")
@click.option("--time-budget", metavar="TIME", help="Such as 90s, 20m or 2h; the same command goes on later.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--val", multiple=True, metavar="PHOTOS", help="Measure on these.  [default: one of five of IMAGES]")
@click.option(
    "--out", "-o", type=Path, metavar="FILE", help="The weights.  [default: runs/descriptor/descriptor.safetensors]"
)
@click.option("--resume", is_flag=True, help="An error where there is nothing to go on with; going on needs no flag.")
@click.option("--log", type=Path, metavar="FILE.csv", help="Write step, loss and speed as training goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the training instead of a table.")
@common
def train_descriptor(images: tuple[str, ...], **options: Any) -> None:
    """Train a descriptor of your own on IMAGES: an SRResNet for x4 super-resolution, for `grids similarity`.

    IMAGES are folders (with all below them), files, or the word `builtin` (the default); many and clean ones are best.

    \b
    Examples:
      grids train-descriptor photos/ --time-budget 2h
      grids similarity photos/ --descriptor runs/descriptor/descriptor.safetensors
    """
    from grids.commands import train as command

    command.descriptor(images, **options)


@cli.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", "-o", type=Path, help="A folder for the comparison's report and pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def compare(runs: tuple[str, ...], **options: Any) -> None:
    """Compare the similarity matrix of the first of RUNS with the others': run folders, files, or `builtin`.

    \b
    Example:
      grids compare builtin runs/similarity --out runs/comparison
    """
    from grids.commands import compare as command

    command.compare(runs, **options)


@cli.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--kind", "-k", help="The degradation, or several separated by commas.")
@click.option("--all", "every", is_flag=True, help="Every degradation; for one photograph, a contact sheet.")
@click.option(
    "--degradation", "plugins", multiple=True, metavar="NAME=FILE.py:FUNCTION", help="A function of your own."
)
@click.option("--severity", type=float, help="0 (mildest) to 1 (strongest).  [default: drawn at random]")
@click.option("--out", "-o", type=Path, help="The file; for a folder of images, a new folder.")
@click.option("--no-rounding", is_flag=True, help="Do not round the result to 8 bit; .png and .tif get 16 bits.")
@click.option("--params", type=Path, metavar="FILE", help="Make the pairs of this params.csv again.")
@common
def degrade(images: tuple[str, ...], **options: Any) -> None:
    """Degrade IMAGES: one file into another, or a folder into LQ/, GT/ and params.csv for a trainer.

    With several kinds, each gets a folder of its own in it. A single result goes to NAME_KIND.png without --out. The
    same photographs and --params give the same pairs again, by the seeds, severities and rounding that it holds;
    degradations of your own must be given again, too.

    \b
    Examples:
      grids degrade photo.png --kind jpeg --severity 0.5 --seed 7 -o out.png
      grids degrade photo.png --all -o sheet.png
      grids degrade photos/ --kind motion_blur -o pairs/
      grids degrade photos/ --params pairs/params.csv -o again/
    """
    from grids.commands import degrade as command

    command.degrade(images, **options)


@cli.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--out", "-o", type=Path, required=True, metavar="FOLDER", help="A new folder for the faces.")
@click.option("--side", type=int, default=128, show_default=True, help="Of the squares, pixels; none is enlarged.")
@click.option("--all", "every", is_flag=True, help="All faces of a photograph: NAME.png, NAME_2.png, ...")
@click.option("--boxes", type=Path, metavar="FILE.csv", help="Faces set by hand: file,left,top,width,height.")
@reading
def faces(images: tuple[str, ...], **options: Any) -> None:
    """Cut the largest face out of each of IMAGES: files, folders (with all below them), or the word `builtin`.

    The detector knows upright faces seen from the front, and errs now and then: look at what it found. FOLDER/faces.csv
    says where that was. Corrected by hand, it can be given as --boxes: boxes from the brows to the chin, of photographs
    that are not searched then. Three tenths of the face are added on each side.

    \b
    Examples:
      grids faces photos/ -o faces/
      grids faces photos/ -o faces/ --side 64 --all
      grids faces photos/ -o corrected/ --boxes boxes.csv
    """
    from grids.commands import faces as command

    command.faces(images, **options)


@cli.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--run", type=Path, metavar="DIR", help="Groups of your own: a run folder.  [default: built in]")
@click.option("--method", default="ours", show_default=True, help="ours, or paper: equation 7 of GRIDS to the letter.")
@click.option("--map", type=Path, metavar="FILE.png", help="Tint one image by the group that each part of it needs.")
@click.option("--csv", type=Path, metavar="FILE", help="Write a line for every image.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with one entry for every image.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@reading
def select(images: tuple[str, ...], **options: Any) -> None:
    """Say which restorer IMAGES need, and how well it will do, before running it: files, folders (with all below
    them), or the word `builtin`.

    An image may also be clean, or unlike anything that the restorers were trained for.

    \b
    Examples:
      grids select photo.png
      grids select photo.png --map map.png
      grids select photos/ --csv needs.csv
      grids select photos/ --json --quiet > needs.json
      grids select photo.png --run runs/mine --method paper
    """
    from grids.commands import select as command

    command.select(images, **options)


@cli.command()
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--out", "-o", type=Path, help="The file; for several images, a new folder.  [default: NAME_restored.png]"
)
@click.option("--run", type=Path, metavar="DIR", help="Groups and restorers of your own.  [default: built in]")
@click.option("--group", metavar="ID", help="Use this group's restorer, whatever the image looks like.")
@click.option("--head", metavar="NAME", help="With --group: the head of its restorer for this degradation.")
@click.option("--steps", type=int, default=1, show_default=True, help="Select and restore so often at most.")
@click.option("--tile", type=int, help="Side of the tiles, 128 or more.  [default: by memory; none to 2 megapixels]")
@click.option("--overlap", type=int, help="Pixels that tiles share which fade into one another.  [default: 32]")
@click.option("--compare", type=Path, metavar="FILE.png", help="Write before and after side by side.")
@click.option("--report", type=Path, metavar="FILE.html", help="Write a page; a folder of results has one anyway.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@reading
def restore(images: tuple[str, ...], **options: Any) -> None:
    """Restore IMAGES, files or folders, each with the restorer that it needs; clean ones come back untouched.

    Images unlike anything known stay as they are too, unless --group names a restorer. Alpha, EXIF, colour profile and
    16 bits are kept. A folder's results are .png, with the sub-folders that the images lie in.

    \b
    Examples:
      grids restore photo.png -o out.png
      grids restore photo.png --steps 3 --compare side.png
      grids restore photos/ -o restored/ --run runs/mine
      grids restore photo.png --run runs/liu --group C1 --head rain
    """
    from grids.commands import restore as command

    command.restore(images, **options)


@cli.command()
@click.argument("images", nargs=-1)
@click.option("--run", type=Path, metavar="DIR", required=True, help="The run folder that gets the profile.")
@click.option(
    "--group", "examples", multiple=True, metavar="NAME=FOLDER", help="A group, from images that bear its degradation."
)
@click.option("--weights", multiple=True, metavar="NAME=FILE", help="The restorer of such a group.")
@click.option("--network", multiple=True, metavar="NAME=PRESET", help="Its network, where its file does not say so.")
@click.option("--degradation", "plugins", multiple=True, metavar="NAME=FILE.py:FUNCTION", help="One of the run's own.")
@click.option("--draws", type=int, help="Severities and sizes, for each photograph and degradation.  [default: 1]")
@click.option("--data", help="photographs or pristine: how examples are made.  [default: photographs]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--json", "as_json", is_flag=True, help="Print what was learnt as JSON.")
@common
def profile(images: tuple[str, ...], **options: Any) -> None:
    """Learn what `grids select --run DIR` compares images with.

    From clean IMAGES (folders, files, or the word `builtin`, the default) and the groups.json of `grids group`: they
    are degraded as its groups need it, and what its restorers gain is measured. Or, with --group, from examples of
    damaged images; then IMAGES only show what clean ones look like.

    \b
    Examples:
      grids profile photos/ --run runs/mine
      grids profile photos/ --run runs/own --group denoise=noisy/ --group dehaze=hazy/
      grids profile --run runs/own --group denoise=noisy/ --weights denoise=net.pth --network denoise=nafnet-32
    """
    from grids.commands import profile as command

    command.profile(images, **options)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def degradations(as_json: bool) -> None:
    """List the degradations, with parameters, ranges (mildest -> strongest), units and sources.

    \b
    Example:
      grids degradations
    """
    from grids.commands import degrade as command

    command.degradations(as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def recipes(as_json: bool) -> None:
    """List the papers' restorers that `grids train --recipe` trains: tasks, data, losses, and sizes.

    \b
    Examples:
      grids recipes
      grids train --recipe walha-mtlgan photos/
    """
    from grids.commands import recipes as command

    command.recipes(as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def networks(as_json: bool) -> None:
    """List the networks, with their sizes and sources.

    \b
    Example:
      grids networks
    """
    from grids.commands import networks as command

    command.networks(as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: exit code 0, 1 (a wrong name, value or file), 2 (unknown option, missing argument) or 130."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are printed in one line each."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="grids", standalone_mode=False)
    except GridsError as error:
        return _fail(str(error), 1)
    except (click.NoSuchOption, click.MissingParameter) as error:
        return _fail(error.format_message(), 2)
    except click.ClickException as error:
        # `--patches` without its value is a missing argument too; a value of the wrong kind is not
        return _fail(error.format_message(), 2 if isinstance(error, click.BadOptionUsage) else 1)
    except (click.Abort, KeyboardInterrupt) as error:
        return _fail(str(error) or "interrupted", 130)
    except SystemExit:
        return 0  # click's way out when the reader of a pipe has gone (| head): nothing is wrong
    except OSError as error:
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except (MemoryError, RuntimeError) as error:
        # PyTorch has no exception of its own for CPU memory
        if isinstance(error, RuntimeError) and not re.search("can't allocate memory|out of memory", str(error)):
            raise
        return _fail("out of memory: smaller images, fewer patches (--patches) or smaller ones need less", 1)
    return 0


def _fail(message: str, code: int) -> int:
    click.echo(f"grids: {' '.join(message.split())}", err=True)
    return code
