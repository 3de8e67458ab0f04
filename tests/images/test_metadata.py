"""What goes with a photograph from any file into any other, and what is said where it cannot."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from images.sample_files import ICC, chunk, exif_bytes, noise, pillow_bytes, png, smooth, stored
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from grids.images import Metadata, Photo, ReadOptions, encode, not_kept, read_photo, read_photos, write_photo
from grids.images.exif import read_exif
from grids.images.libraries import quiet_opencv

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/>caf\xc3\xa9</x:xmpmeta>'
IPTC = b"\x1c\x02\x78\x00\x05hello\x1c\x02\x50\x00\x02me"
SUFFIXES = (".png", ".jpg", ".tif", ".webp", ".bmp")
WITH_EXIF = (".png", ".jpg", ".tif", ".webp")
# tags of strips, tiles, thumbnails, compression: none of them may travel
LAYOUT = (256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 320, 322, 323, 324, 325, 330, 338, 347, 513, 514, 529, 532)
Name = Callable[[str], Path]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Name:
    """The path of a name in one folder, for examples by the hundred."""
    folder = tmp_path_factory.mktemp("images")
    return lambda name: folder / name


def pixels(channels: int = 3, height: int = 12, width: int = 17, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    y, x, c = np.mgrid[:height, :width, :channels]
    return ((x * 11 + y * 7 + c * 61) * (top // 255) % (top + 1)).astype(dtype)


def saved(path: Path, kind: str, image: Image.Image | None = None, **options: object) -> Path:
    (image or Image.fromarray(pixels())).save(path, kind, **options)
    return path


def tiff_block(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """An EXIF block of one directory, as broken as its entries (tag, type, count, four bytes) are."""
    head = b"Exif\0\0" + struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    table = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
    return head + struct.pack(f"{order}H", len(entries)) + table + bytes(4)


def exif_of(path: Path) -> Image.Exif:
    with Image.open(path) as image:
        return image.getexif()


def read_by_all(path: Path) -> Image.Image:
    """The image as Pillow reads it, once OpenCV and, of a TIFF, tifffile have read the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(path) as image:
            image.load()
            image.getexif()
    with quiet_opencv():
        seen = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION)
    assert seen is not None
    deep = seen.dtype == np.uint16
    photo = read_photo(path)
    expected = photo.pixels if deep == (photo.bits == 16) else photo.pixels // 257
    # OpenCV multiplies the alpha of a TIFF in colour in, whoever wrote it
    multiplied = path.suffix == ".tif" and photo.alpha is not None and not photo.grey and not deep
    if multiplied:
        expected = np.rint(expected * (photo.alpha[..., None] / 255.0))  # type: ignore[index]
    assert np.abs(seen[..., ::-1].astype(int) - expected).max() <= multiplied
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            assert len(file.pages) == 1
            shown = np.atleast_3d(file.asarray())  # (H, W) of one channel
            expected = photo.pixels[..., :1] if shown.shape[2] < 3 else photo.pixels
            assert np.array_equal(shown[..., : expected.shape[2]], expected)
    return image


@st.composite
def exif_blocks(draw: st.DrawFn) -> bytes:
    """Of any tags and types, with values that may be missing, and offsets to anywhere."""
    tags = st.sampled_from([*LAYOUT, 270, 271, 274, 282, 283, 296, 305, 306, 33432, 34665, 34853, 700, 33723, 40091, 0])
    kinds = st.integers(0, 14) | st.sampled_from([16, 129, 65535])
    entry = st.tuples(tags, kinds, st.integers(0, 9) | st.just(2**32 - 1), st.binary(min_size=4, max_size=4))
    order = draw(st.sampled_from("<>"))
    block = tiff_block(*draw(st.lists(entry, max_size=8)), order=order) + draw(st.binary(max_size=60))
    return block if draw(st.integers(0, 4)) else block[: draw(st.integers(0, len(block)))]


def modes() -> dict[str, Image.Image]:
    rgba = pixels(4)
    palette = Image.fromarray(pixels()).quantize(16)
    return {
        "1": Image.fromarray(rgba[..., 0]).convert("1"),
        "L": Image.fromarray(rgba[..., 0]),
        "LA": Image.fromarray(rgba).convert("LA"),
        "RGB": Image.fromarray(rgba[..., :3].copy()),
        "RGBA": Image.fromarray(rgba),
        "P": palette,
        "P, clear": palette,
        "CMYK": Image.fromarray(pixels()).convert("CMYK"),
        "I;16": Image.fromarray(pixels(1, dtype=np.uint16)[..., 0]),
    }


MODES = modes()
SOURCES = {
    **dict.fromkeys(("L", "RGB"), ("PNG", "JPEG", "TIFF", "WEBP", "BMP")),
    **dict.fromkeys(("LA", "RGBA"), ("PNG", "TIFF", "WEBP")),
    **dict.fromkeys(("1", "P", "P, clear", "I;16"), ("PNG", "TIFF")),
    "CMYK": ("JPEG", "TIFF"),
}


class TestAnyFile:
    @settings(max_examples=60)
    @given(data=st.data())
    def test_what_is_written_is_read_by_all(self, at: Name, data: st.DataObject) -> None:
        """Any mode, any EXIF block, sound or broken, any orientation, into any format."""
        mode = data.draw(st.sampled_from(sorted(SOURCES)))
        kind = data.draw(st.sampled_from(SOURCES[mode]))
        options: dict[str, object] = {}
        block = data.draw(exif_blocks())
        if kind in ("PNG", "JPEG", "WEBP"):
            options["exif"] = block
        if kind != "BMP" and mode in ("RGB", "RGBA"):
            options["icc_profile"] = ICC
        if mode == "P, clear" and kind == "PNG":
            options["transparency"] = bytes(range(0, 160, 10))
        source = saved(at("source"), kind, MODES[mode], **options)
        suffix = data.draw(st.sampled_from(SUFFIXES))
        photo = read_photo(source)
        target = write_photo(at(f"target{suffix}"), photo)
        read_by_all(target)
        back, lost = read_photo(target), not_kept(photo, suffix)
        if suffix == ".jpg":
            assert np.abs(back.pixels.astype(int) - (photo.pixels // (257 if photo.bits == 16 else 1))).mean() < 6
        elif photo.bits == 16 and back.bits == 8:
            assert "16 bits" in lost
            assert np.array_equal(back.pixels, np.rint(photo.pixels / 257))
        else:
            assert np.array_equal(back.pixels, photo.pixels)
        if photo.alpha is None or suffix in (".jpg", ".bmp"):
            assert back.alpha is None
            assert ("transparency" in lost) == (photo.alpha is not None)
        else:
            assert np.array_equal(back.alpha, photo.alpha)
        if suffix in WITH_EXIF:
            assert back.metadata.exif == photo.metadata.exif
            assert back.metadata.icc == photo.metadata.icc
            assert back.metadata.damaged == ()
        if suffix != ".tif":
            assert not set(exif_of(target)) & set(LAYOUT)

    @settings(max_examples=40)
    @given(block=exif_blocks() | st.binary(max_size=80), suffix=st.sampled_from(WITH_EXIF), deep=st.booleans())
    def test_a_block_of_ones_own_is_written_soundly(self, at: Name, block: bytes, suffix: str, deep: bool) -> None:
        """`Photo` takes any bytes for EXIF, and what is written is readable all the same."""
        photo = Photo(pixels(dtype=np.uint16 if deep else np.uint8), metadata=Metadata(exif=block))
        path = write_photo(at(f"own{suffix}"), photo)
        read_by_all(path)
        assert read_photo(path).metadata.damaged == ()

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_every_orientation_into_every_format(self, at: Name, suffix: str, orientation: int) -> None:
        block = tiff_block((271, 2, 4, b"abc\0"), (274, 3, 1, struct.pack("<HH", orientation, 0)))
        source = saved(at("turned.png"), "PNG", exif=block, dpi=(300, 150))
        with Image.open(source) as image:
            upright = np.asarray(ImageOps.exif_transpose(image))
        target = write_photo(at(f"upright{suffix}"), read_photo(source))
        assert ImageOps.exif_transpose(read_by_all(target)).size == upright.shape[1::-1]
        assert exif_of(target).get(274, 1) == 1
        back = read_photo(target)
        assert np.abs(back.pixels.astype(int) - upright).max() <= (60 if suffix == ".jpg" else 0)
        assert back.metadata.dpi == ((150, 300) if orientation >= 5 else (300, 150))


class TestTags:
    @pytest.mark.parametrize("suffix", WITH_EXIF)
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_tags_of_a_layout_do_not_travel(self, at: Name, kind: str, suffix: str) -> None:
        exif = Image.Exif()
        for tag in LAYOUT:
            exif[tag] = 512
        exif[271] = "Maker"
        target = write_photo(at(f"plain{suffix}"), read_photo(saved(at("tiles"), kind, exif=exif.tobytes())))
        read_by_all(target)
        found = exif_of(target)
        assert found[271] == "Maker"
        assert not {322, 323, 324, 325, 330, 347, 513, 514} & set(found)
        if suffix != ".tif":
            assert set(found) == {271}

    @pytest.mark.parametrize("suffix", WITH_EXIF)
    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_a_bigtiff_becomes_a_classic_block(self, at: Name, suffix: str, order: str, dtype: type) -> None:
        source = at("big.tif")
        options = {"resolution": (300, 300), "description": "scan", "metadata": None, "photometric": "rgb"}
        tifffile.imwrite(source, pixels(dtype=dtype), bigtiff=True, byteorder=order, **options)
        photo = read_photo(source)
        assert np.array_equal(photo.pixels, pixels(dtype=dtype))
        assert photo.metadata.exif is not None
        assert photo.metadata.exif.startswith(b"Exif\0\0II*\0")
        target = write_photo(at(f"classic{suffix}"), photo)
        read_by_all(target)
        assert exif_of(target)[270] == "scan"
        assert read_photo(target).metadata.dpi == (300, 300)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_one_bad_tag_is_dropped_and_named(self, at: Name, suffix: str) -> None:
        entries = ((271, 2, 4, b"abc\0"), (274, 3, 1, b"\6\0\0\0"), (282, 2, 3, b"72\0\0"), (306, 2, 20, b"\xff" * 4))
        photo = read_photo(saved(at("bad.jpg"), "JPEG", exif=tiff_block(*entries)))
        assert (photo.height, photo.width) == (17, 12)
        damaged = ("damaged EXIF tag 282 (XResolution)", "damaged EXIF tag 306 (DateTime)")
        assert not_kept(photo, suffix) == ((*damaged, "EXIF") if suffix == ".bmp" else damaged)
        target = write_photo(at(f"good{suffix}"), photo)
        if suffix != ".bmp":
            assert exif_of(target)[271] == "abc"

    def test_an_orientation_of_a_wrong_type_is_named(self, at: Name) -> None:
        photo = read_photo(saved(at("text.jpg"), "JPEG", exif=tiff_block((274, 2, 2, b"6\0\0\0"))))
        assert (photo.height, photo.width) == (12, 17)
        assert photo.metadata.damaged == ("EXIF tag 274 (Orientation)",)

    @pytest.mark.parametrize("suffix", WITH_EXIF)
    def test_camera_and_place_survive_with_the_upright_size(self, at: Name, suffix: str) -> None:
        exif = Image.Exif()
        exif[274], exif[33432] = 8, "somebody"
        exif[0x8769] = {
            36867: "2020:01:02 03:04:05",
            33434: 0.01,
            40962: 17,
            40963: 12,
            37122: 4.0,
            37500: b"\0\1maker",
        }
        exif[0x8825] = {1: "N", 2: (48.0, 8.0, 30.5)}
        photo = read_photo(saved(at("camera.jpg"), "JPEG", exif=exif.tobytes()))
        assert photo.metadata.damaged == ()
        with Image.open(write_photo(at(f"camera{suffix}"), photo)) as image:
            found = image.getexif()
            inner, place = dict(found.get_ifd(0x8769)), found.get_ifd(0x8825)
        assert inner.pop(37500) == b"\0\1maker"
        assert inner == {36867: "2020:01:02 03:04:05", 33434: pytest.approx(0.01), 40962: 12, 40963: 17}
        assert place == {1: "N", 2: (48.0, 8.0, 30.5)}
        assert found[33432] == "somebody"

    def test_an_offset_beyond_everything_is_damage_of_one_tag(self, at: Name) -> None:
        tifffile.imwrite(at("far.tif"), pixels(), bigtiff=True, photometric="rgb", description="x" * 50, software="s")
        data = bytearray(at("far.tif").read_bytes())
        entry = data.index(struct.pack("<HH", 270, 2))
        data[entry + 12 : entry + 20] = struct.pack("<Q", 2**63 - 1)
        at("far.tif").write_bytes(data)
        with at("far.tif").open("rb") as stream:
            found = read_exif(stream)
        assert found.damaged == ["EXIF tag 270 (ImageDescription)"]
        assert 305 in found.entries

    def test_an_empty_directory_is_no_damage(self) -> None:  # as Picasa writes it
        block = tiff_block((271, 2, 4, b"abc\0"), (34665, 4, 1, struct.pack("<I", 8 + 2 + 2 * 12 + 4))) + bytes(6)
        found = read_exif(block)
        assert (set(found.entries), found.damaged) == ({271}, [])

    def test_directories_that_point_at_themselves_end(self) -> None:
        circle = tiff_block((34665, 4, 1, struct.pack("<I", 8)), (40965, 4, 1, struct.pack("<I", 8)))
        assert read_exif(circle).orientation is None


class TestEverythingElse:
    @pytest.fixture
    def full(self) -> Metadata:
        text = (("Author", "Jé"), ("Comment", "hello"), ("Note", "日本"))
        return Metadata(None, ICC, (300, 240), XMP.replace(b'"6"', b'"1"'), IPTC, text)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_each_format_keeps_what_it_can_and_says_the_rest(self, at: Name, full: Metadata, dtype: type) -> None:
        deep = () if dtype == np.uint8 else ("16 bits",)
        photo = Photo(pixels(dtype=dtype), metadata=full)
        for suffix, kept, lost in (
            (".png", replace(full, iptc=None), ("IPTC",)),
            (".jpg", replace(full, text=full.text[1:2]), ("texts", *deep)),
            (".tif", replace(full, text=()), ("texts",)),
            (".webp", replace(full, text=(), iptc=None), ("IPTC", "texts", *deep)),
            (".bmp", Metadata(dpi=full.dpi), ("colour profile", "XMP", "IPTC", "texts", *deep)),
        ):
            assert not_kept(photo, suffix) == lost
            path = write_photo(at(f"full{suffix}"), photo)
            read_by_all(path)
            found = read_photo(path).metadata
            assert replace(found, exif=None) == kept
            if suffix != ".webp":  # which has no other place for the resolution
                assert found.exif is None

    def test_other_libraries_find_it(self, at: Name, full: Metadata) -> None:
        photo = Photo(pixels(), metadata=full)
        with Image.open(write_photo(at("a.png"), photo)) as image:
            assert image.text["Note"] == "日本"
            assert image.text["XML:com.adobe.xmp"].encode() == full.xmp
            assert image.info["dpi"] == pytest.approx((300, 240), abs=0.013)
        with Image.open(write_photo(at("a.jpg"), photo)) as image:
            assert image.info["photoshop"][0x0404] == IPTC
            assert (image.info["comment"], image.info["dpi"]) == (b"hello", (300, 240))
        with tifffile.TiffFile(write_photo(at("a.tif"), photo)) as file:
            tags = file.pages[0].tags
            assert (tags[700].value, tags[33723].value) == (full.xmp, IPTC)
            assert tags[282].value[0] / tags[282].value[1] == 300

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_xmp_of_others_is_found_and_turned(self, at: Name, kind: str) -> None:
        options: dict[str, object] = {"xmp": XMP}
        if kind == "PNG":
            options = {"pnginfo": PngInfo()}
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())  # type: ignore[attr-defined]
        elif kind == "TIFF":
            options = {"tiffinfo": {700: XMP}}
        photo = read_photo(saved(at("xmp"), kind, **options))
        assert (photo.height, photo.width) == (17, 12)  # as it says, where EXIF does not
        assert photo.metadata.xmp == XMP.replace(b'"6"', b'"1"')

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
    def test_resolution_of_others_is_found(self, at: Name, kind: str) -> None:
        assert read_photo(saved(at("dpi"), kind, dpi=(300, 300))).metadata.dpi == (300, 300)
        assert read_photo(saved(at("none"), kind, **({"dpi": (0, 0)} if kind == "BMP" else {}))).metadata.dpi is None

    def test_how_a_png_becomes_colours_is_kept_and_said(self, at: Name) -> None:
        linear, srgb = PngInfo(), PngInfo()
        linear.add(b"gAMA", struct.pack(">I", 100_000))
        srgb.add(b"sRGB", b"\0")
        photo = read_photo(saved(at("gamma.png"), "PNG", pnginfo=linear))
        with Image.open(write_photo(at("again.png"), photo)) as image:
            assert image.info["gamma"] == 1
        assert not_kept(photo, ".png") == ()
        assert not_kept(photo, ".jpg") == ("gamma and primaries",)
        assert not_kept(read_photo(saved(at("srgb.png"), "PNG", pnginfo=srgb)), ".jpg") == ()

    def test_damaged_metadata_is_named_and_left_out(self, at: Name) -> None:
        broken = ICC[:200]
        photo = read_photo(saved(at("icc.png"), "PNG", icc_profile=broken, exif=b"Exif\0\0rubbish"))
        assert photo.metadata == Metadata(damaged=("EXIF", "colour profile"))
        segment = b"\xff\xe1" + struct.pack(">H", 2 + 29 + 3) + b"http://ns.adobe.com/xap/1.0/\0" + b"\xff\xfe\xfd"
        assert read_photo(saved(at("xmp.jpg"), "JPEG", extra=segment)).metadata.damaged == ("XMP",)

    @pytest.mark.parametrize("field", ["xmp", "iptc", "exif", "text"])
    def test_what_is_too_long_for_a_jpeg_is_said(self, at: Name, field: str) -> None:
        long = b"\x1c" + b"x" * 65_600
        exif = tiff_block((270, 2, 65_601, struct.pack("<I", 26))) + long
        value = {"text": (("Comment", long.decode()),), "exif": exif}.get(field, long)
        photo = Photo(pixels(), metadata=replace(Metadata(), **{field: value}))
        assert len(not_kept(photo, ".jpg")) == 1
        assert read_photo(write_photo(at("long.jpg"), photo)).metadata == Metadata()


class TestNotes:
    def test_one_of_several_pages_is_said(self, at: Name) -> None:
        notes: list[tuple[Path, str]] = []
        reading = ReadOptions(on_note=lambda *note: notes.append(note))
        frames = [Image.fromarray(pixels()[::step]) for step in (1, -1, 1)]
        for kind in ("TIFF", "GIF", "PNG", "WEBP"):
            path = saved(at(kind), kind, frames[0], save_all=True, append_images=frames[1:])
            (photo,) = read_photos([path], reading)
            assert photo.pages == 3
            assert notes.pop() == (path, "only the first of its 3 pages or frames is used")
        list(read_photos([saved(at("one.png"), "PNG")], reading))
        assert notes == []

    def test_what_is_not_kept_is_said_in_one_line(self, at: Name) -> None:
        notes: list[tuple[Path, str]] = []
        reading = ReadOptions(on_note=lambda *note: notes.append(note))
        photo = replace(Photo(pixels(4)[..., :3], pixels(4)[..., 3]), path=Path("a.png"))
        photo = replace(photo, metadata=Metadata(iptc=IPTC, damaged=("XMP",)))
        write_photo(at("a.bmp"), photo, reading)
        write_photo(at("a.tif"), replace(photo, metadata=Metadata()), reading)
        assert notes == [(Path("a.png"), "not kept: damaged XMP, IPTC, transparency")]

    def test_the_bytes_do_not_depend_on_the_order_of_a_block(self) -> None:
        little = tiff_block((271, 2, 4, b"abc\0"), (18246, 3, 1, b"\5\0\0\0"))
        big = tiff_block((271, 2, 4, b"abc\0"), (18246, 3, 1, b"\0\5\0\0"), order=">")
        one, other = (encode(Photo(pixels(), metadata=Metadata(exif=block)), ".tif") for block in (little, big))
        assert one == other
        assert Image.open(io.BytesIO(one)).getexif()[18246] == 5


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_exif_and_profile_round_trip(tmp_path: Path, suffix: str, dtype: type) -> None:
    photo = read_photo(
        write_photo(tmp_path / f"a{suffix}", Photo(noise(dtype=dtype), metadata=Metadata(exif=exif_bytes(1), icc=ICC)))
    )
    assert photo.metadata.icc == ICC
    assert photo.metadata.exif is not None
    exif = Image.Exif()
    exif.load(photo.metadata.exif)
    assert exif[271] == "Maker"
    assert exif.get_ifd(0x8769)[36867] == "2020:01:02 03:04:05"
    assert exif.get_ifd(0x8769)[33434] == pytest.approx(0.01)
    assert exif.get(0x0112, 1) == 1
    assert set(exif) <= {271, 0x0112, 0x8769}


def test_orientation_is_not_in_the_kept_block(tmp_path: Path) -> None:
    data = pillow_bytes(Image.fromarray(smooth()), "JPEG", exif=exif_bytes(6))
    photo = read_photo(stored(tmp_path, data))
    exif = Image.Exif()
    assert photo.metadata.exif is not None
    exif.load(photo.metadata.exif)
    assert 0x0112 not in exif
    assert exif[271] == "Maker"


def test_bmp_drops_metadata_and_none_stays_none(tmp_path: Path) -> None:
    photo = read_photo(write_photo(tmp_path / "a.bmp", Photo(noise(), metadata=Metadata(exif=exif_bytes(), icc=ICC))))
    assert (photo.metadata.exif, photo.metadata.icc) == (None, None)
    photo = read_photo(write_photo(tmp_path / "a.png", Photo(noise())))
    assert (photo.metadata.exif, photo.metadata.icc) == (None, None)


def test_profile_of_other_colours_is_not_kept(tmp_path: Path) -> None:
    grey = ICC[:16] + b"GRAY" + ICC[20:]
    data = pillow_bytes(Image.fromarray(smooth()).convert("L"), "PNG", icc_profile=grey)
    assert read_photo(stored(tmp_path, data)).metadata.icc == grey
    data = pillow_bytes(Image.fromarray(smooth()).convert("L"), "PNG", icc_profile=ICC)
    assert read_photo(stored(tmp_path, data)).metadata.icc is None


def test_damaged_exif_does_not_spoil_the_photo(tmp_path: Path) -> None:
    data = png(noise(), 2, chunk(b"eXIf", b"rubbish"))
    photo = read_photo(stored(tmp_path, data))
    np.testing.assert_array_equal(photo.pixels, noise())
    assert photo.metadata.exif is None


def test_exif_too_long_for_jpeg_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "m" * 70_000
    photo = Photo(smooth(), metadata=Metadata(exif=exif.tobytes()))
    assert not_kept(photo, ".jpg") == ("EXIF (too long)",)
    assert read_photo(write_photo(tmp_path / "a.jpg", photo)).metadata.exif is None
    assert not_kept(photo, ".png") == ()
    assert read_photo(write_photo(tmp_path / "a.png", photo)).metadata.exif is not None
