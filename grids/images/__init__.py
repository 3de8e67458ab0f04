"""Photographs in and out: strict reading, writing that loses nothing the format can hold, and lists of files."""

from grids.images.listing import IMAGE_SUFFIXES, builtin_photos, find_missing, list_images
from grids.images.photo import Photo, Skipped, photo_from_tensor
from grids.images.reading import MAX_PIXELS, ReadOptions, read_photo, read_photos
from grids.images.tensors import Pixels
from grids.images.writing import encode, write_photo

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "Photo",
    "Pixels",
    "ReadOptions",
    "Skipped",
    "builtin_photos",
    "encode",
    "find_missing",
    "list_images",
    "photo_from_tensor",
    "read_photo",
    "read_photos",
    "write_photo",
]
