"""Keeping Pillow and OpenCV strict and silent."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageFile, _imaging

from grids.devices import SharedChange
from grids.errors import ImageError

_CV2_LOCK, _LIMIT_LOCK = threading.Lock(), threading.Lock()


def _be_strict(undo: contextlib.ExitStack) -> None:
    undo.enter_context(warnings.catch_warnings())
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for module, name, value in ((Image, "MAX_IMAGE_PIXELS", 1), (ImageFile, "LOAD_TRUNCATED_IMAGES", False)):
        undo.callback(setattr, module, name, getattr(module, name))
        setattr(module, name, value)
    logger = logging.getLogger("PIL")  # unconfigured, it prints errors to stderr too
    undo.callback(logger.setLevel, logger.level)
    logger.setLevel(logging.CRITICAL)
    # libtiff prints its errors to stderr itself; where Pillow holds it statically, it goes on doing so
    with contextlib.suppress(OSError, AttributeError):
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
        set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        undo.callback(set_handler, set_handler(None))


_STRICT = SharedChange(_be_strict)


@contextlib.contextmanager
def strict_pillow(max_pixels: int) -> Iterator[None]:
    """Inside, Pillow neither warns nor fills in missing pixels, and its size limit is at least a given one.

    All of that is global in Pillow, so threads that read at the same time share one change and one undoing; the limit
    is then the largest that any of them asked for.

    Args:
        max_pixels: images of about so many pixels must be readable; the caller checks the exact limit by the header.
    """
    with _STRICT.inside():
        with _LIMIT_LOCK:  # Pillow refuses what has more than twice its limit
            Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 1, (max_pixels + 1) // 2)
        yield


def opencv() -> Any:
    """The module cv2, imported at the first call: it is slow to start.

    Returns:
        The module.

    Raises:
        ImageError: it cannot be imported, as where libGL is missing; the message says what to install.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImageError(
            f"OpenCV, which this needs, cannot be imported ({error}); "
            "where libGL is missing, opencv-python-headless serves as well as opencv-python"
        ) from error
    return cv2


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Inside, OpenCV keeps libtiff's and libpng's remarks off stderr.

    The level is global in OpenCV, so threads wait for one another here: one is inside at a time.

    Raises:
        ImageError: OpenCV cannot be imported.
    """
    cv2 = opencv()
    levels = getattr(cv2.utils, "logging", cv2)  # there since 4.13
    with _CV2_LOCK:
        level = levels.getLogLevel()
        try:
            levels.setLogLevel(0)  # silent
            yield
        finally:
            levels.setLogLevel(level)
