"""Finding photographs: in folders, and in installed packages."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from grids.errors import ImageError
from grids.io import STDIO

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
)

# (package, folder in it, files): what these hold besides are drawings, microscope slides, and blurred or flat scenes.
_PHOTOGRAPHS = (
    ("skimage", "data", "astronaut.png camera.png chelsea.png coffee.png rocket.jpg motorcycle_left.png coins.png"),
    ("skimage", "data", "brick.png grass.png gravel.png"),
    ("matplotlib", "mpl-data/sample_data", "grace_hopper.jpg"),
)


def list_images(inputs: Sequence[Path]) -> list[Path]:
    """The image files that the inputs stand for, in their order, each once.

    Args:
        inputs: files, kept whatever their suffix ("-" is standard input), and folders, which stand for the files under
            them that have one of `IMAGE_SUFFIXES`, sorted by path, without hidden ones. Links are followed. One that
            leads nowhere is kept where it may stand for an image or a folder: readers say and count what they skip.

    Returns:
        The paths as they were given, or under the folders as these were given. Of several that lead to one file the
        first; of those in one folder the file itself, if it is there, before links. No file is opened.

    Raises:
        ImageError: an input is missing, a folder cannot be read, or nothing was found.
    """
    found: dict[str, Path] = {}
    for given in map(Path, inputs):
        if given == STDIO:
            found.setdefault(str(given), given)
            continue
        try:
            given.lstat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ImageError(f"cannot use the file or folder '{given}': {reason.lower()}") from error
        for path in _walk(given) if given.is_dir() else [given]:
            found.setdefault(os.path.realpath(path), path)
    if not found:
        names = ", ".join(f"'{given}'" for given in inputs) or "no input"
        raise ImageError(f"found no image in {names} (looked for {' '.join(IMAGE_SUFFIXES)})")
    return list(found.values())


def _walk(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise ImageError(f"cannot list the folder '{error.filename}': {error.strerror}") from error

    seen, found = set(), []
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        seen.add(real)  # a link back up would go round for ever
        found += [Path(parent, name) for name in files if not name.startswith(".")]
    wanted = sorted(path for path in found if path.suffix.lower() in IMAGE_SUFFIXES or _may_be_folder(path))
    links = {path for path in wanted if path.is_symlink()}
    places = {os.path.realpath(path) for path in wanted if path not in links}
    return [path for path in wanted if path not in links or os.path.realpath(path) not in places]


def _may_be_folder(path: Path) -> bool:
    """Whether a path that is no folder is a link that might have led to one."""
    return not path.suffix and path.is_symlink() and not os.path.exists(path)  # noqa: PTH110 - Path.exists may raise


def find_missing(path: Path) -> str:
    """Why a file cannot be found: it is gone, or a link that leads nowhere or in a circle.

    Args:
        path: the file.

    Returns:
        The reason, for a message that names the file; empty where it is there.
    """
    try:
        path.stat()
    except (OSError, ValueError) as error:
        return explain_missing(path, error)
    return ""


def explain_missing(path: Path, error: Exception) -> str:
    """Why a file cannot be opened, in words that a message can end with.

    Args:
        path: the file, of which is found out whether it is a link.
        error: what came of opening it.

    Returns:
        The reason in small letters, without the path.
    """
    if getattr(error, "errno", None) == errno.ELOOP:
        return "it is a link, and these links go in a circle"
    if isinstance(error, FileNotFoundError):
        link = path.is_symlink()
        return f"it is a link to '{path.readlink()}', which is not there" if link else "there is no such file"
    return (getattr(error, "strerror", None) or str(error)).lower()


def builtin_photos() -> list[Path]:
    """Photographs that other packages bring along (scikit-image's and matplotlib's samples); nothing is downloaded.

    Of their samples only those that are sharp photographs are taken; neither package is imported.

    Returns:
        The paths of those that are installed, in a fixed order.

    Raises:
        ImageError: neither package has them.
    """
    found = []
    for package, folder, names in _PHOTOGRAPHS:
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(package)  # finds without importing
            for root in (spec.submodule_search_locations or []) if spec else []:
                found += [Path(root, folder, name) for name in names.split()]
    found = [path for path in found if path.is_file()]
    if not found:
        raise ImageError("there are no built-in photographs: install scikit-image (pip install scikit-image)")
    return found
