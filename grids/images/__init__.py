"""Photographs in and out: strict reading, writing that loses nothing the format can hold, and lists of files."""

from grids.images.listing import IMAGE_SUFFIXES, builtin_photos, find_missing, list_images
from grids.images.memory import photo_from_array, photo_from_pillow
from grids.images.metadata import Metadata
from grids.images.photo import Photo, Skipped, photo_from_tensor
from grids.images.reading import MAX_PIXELS, ReadOptions, note_pages, read_photo, read_photos
from grids.images.tensors import Pixels
from grids.images.writing import encode, not_kept, suffix_of, write_photo

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "Metadata",
    "Photo",
    "Pixels",
    "ReadOptions",
    "Skipped",
    "builtin_photos",
    "encode",
    "find_missing",
    "list_images",
    "not_kept",
    "note_pages",
    "photo_from_array",
    "photo_from_pillow",
    "photo_from_tensor",
    "read_photo",
    "read_photos",
    "suffix_of",
    "write_photo",
]
