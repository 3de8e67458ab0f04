"""Restoring images: the files of restorers, networks on batches, whole photographs in tiles, and several steps."""
