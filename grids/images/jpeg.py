"""Whether the data of a JPEG is all there: libjpeg fills what is missing with grey, and says nothing.

Markers and segments are those of ITU-T T.81, annex B.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops

from grids.errors import ImageError

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END, _SCAN, _INTERVAL = 0xD9, 0xDA, 0xDD
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN, _PROGRESSIVE = (0xC0, 0xC1, 0xC2), 0xC2
# Segments that tell nothing about pixels: APP0 and APP14 tell which colours they are.
_REMARKS = {*range(0xE1, 0xF0), 0xFE} - {0xEE}
# Random, and without markers: whatever decodes it as pixels makes pixels of it.
_FILLER = np.random.default_rng(0).integers(0, 255, 64, dtype=np.uint8).tobytes()


@dataclass(frozen=True)
class _Scan:
    """Where the compressed data of a scan lies, and the header before it."""

    header: bytes
    begin: int
    end: int
    interval: int


@dataclass
class _Layout:
    """Of the first image in a file: its frame (marker and header), its scans, and segments without pixels."""

    marker: int = 0
    frame: bytes = b""
    interval: int = 0
    end: int = 0
    scans: list[_Scan] = field(default_factory=list)
    remarks: list[tuple[int, int]] = field(default_factory=list)


def check_jpeg(data: bytes, image: Image.Image) -> None:
    """See that all data of a JPEG is there, also where the end marker is.

    The data of every scan is made longer at its end, and decoded again: where it is whole, what was added is skipped;
    where a part is missing, it becomes other pixels.

    Args:
        data: the file.
        image: what Pillow decoded it to.

    Raises:
        ImageError: a part is missing.
    """
    layout = _walk(data)
    if layout.marker not in _HUFFMAN:  # arithmetic coding may leave out zeros at the end
        return
    if not (_all_bits(layout) and _all_intervals(data, layout) and _stays_when_lengthened(data, layout, image)):
        raise ImageError("it is truncated or damaged (a part of its data is missing)")


def _walk(data: bytes) -> _Layout:
    """Walk the markers to the end of the image: at a stray or missing one libjpeg fills the rest with grey."""
    at, found = 2, _Layout()
    while match := _MARKER.search(data, at):
        marker = match[1][0]
        if found.scans and found.scans[-1].end == 0:
            found.scans[-1] = _Scan(found.scans[-1].header, at, match.start(), found.interval)
        if marker == _END and found.scans:
            found.end = match.start()
            return found
        if marker < 0xC0 or marker in (0xD8, _END):
            break
        at = match.end() + int.from_bytes(data[match.end() : match.end() + 2], "big")
        _note(found, marker, data[match.end() + 2 : at], match.start(), at)
    raise ImageError("it is truncated or damaged (a JPEG marker is missing or out of place)")


def _note(found: _Layout, marker: int, header: bytes, begin: int, end: int) -> None:
    if marker in _FRAMES:
        found.marker, found.frame = marker, header
    elif marker == _INTERVAL:
        found.interval = int.from_bytes(header[:2], "big")
    elif marker == _SCAN:
        found.scans.append(_Scan(header, end, 0, found.interval))
    elif marker in _REMARKS:
        found.remarks.append((begin, end))


def _components(layout: _Layout) -> dict[int, tuple[int, int]]:
    """The sampling factors of each component: horizontal and vertical."""
    parts = [layout.frame[i : i + 3] for i in range(6, 6 + 3 * layout.frame[5], 3)]
    return {part[0]: (part[1] >> 4, part[1] & 15) for part in parts}


def _of_scan(scan: _Scan) -> list[int]:
    return [scan.header[1 + 2 * i] for i in range(scan.header[0])]


def _all_bits(layout: _Layout) -> bool:
    """Whether the scans hold every component and, of a progressive image, each frequency to its last bit."""
    bits = {component: [1] * 64 for component in _components(layout)}
    for scan in layout.scans:
        first, last, low = scan.header[-3], scan.header[-2], scan.header[-1] & 15
        if layout.marker != _PROGRESSIVE:
            first, last, low = 0, 63, 0
        for component in _of_scan(scan):
            bits[component][first : last + 1] = [low] * (last + 1 - first)
    return not any(any(one) for one in bits.values())


def _all_intervals(data: bytes, layout: _Layout) -> bool:
    """Whether there are as many restart markers as the size needs."""
    height, width = (int.from_bytes(layout.frame[i : i + 2], "big") for i in (1, 3))
    components = _components(layout)
    across, down = (max(factors[i] for factors in components.values()) for i in (0, 1))
    for scan in layout.scans:
        if not scan.interval:
            continue
        if len(names := _of_scan(scan)) == 1:  # by blocks of the component, not by units of all components
            own = components[names[0]]
            columns, rows = -(-width * own[0] // across), -(-height * own[1] // down)
            units = -(-columns // 8) * -(-rows // 8)
        else:
            units = -(-width // (8 * across)) * -(-height // (8 * down))
        found = len(_RESTART.findall(data, scan.begin, scan.end)) + 1
        if found < -(-units // scan.interval):
            return False
    return True


def _stays_when_lengthened(data: bytes, layout: _Layout, image: Image.Image) -> bool:
    with Image.open(io.BytesIO(_lengthened(data, layout)), formats=("JPEG",)) as longer:
        alike = (longer.size, longer.mode) == (image.size, image.mode)
        return alike and ImageChops.difference(longer, image).getbbox() is None


def _lengthened(data: bytes, layout: _Layout) -> bytes:
    """The image with filler at the end of each stretch of compressed data, without remarks."""
    parts, at = [], 0
    pieces = [(begin, end, False) for begin, end in layout.remarks]
    pieces += [(scan.begin, scan.end, True) for scan in layout.scans]
    for begin, end, compressed in sorted(pieces):
        parts.append(data[at:begin])
        if compressed:
            parts.append(_RESTART.sub(lambda match: _FILLER + match[0], data[begin:end]) + _FILLER)
        at = end
    return b"".join([*parts, data[at : layout.end], b"\xff\xd9"])
