"""Writing files: the old one or the new one, never half of one, and nothing left lying about."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grids.errors import RunError
from grids.io import check_writable, locked, make_folder, read_text, write_bytes, write_text


def test_bytes_and_text_round_trip(tmp_path: Path) -> None:
    assert write_bytes(tmp_path / "new" / "deep" / "a.bin", b"\0\xff") == tmp_path / "new" / "deep" / "a.bin"
    assert (tmp_path / "new" / "deep" / "a.bin").read_bytes() == b"\0\xff"
    write_text(tmp_path / "é.txt", "größe\nline\r\n")
    assert (tmp_path / "é.txt").read_bytes() == "größe\nline\r\n".encode()
    assert read_text(write_text(tmp_path / "b.txt", "größe\n")) == "größe\n"


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "a long first version")
    write_text(tmp_path / "a.txt", "short")
    assert read_text(tmp_path / "a.txt") == "short"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_long_name_and_an_empty_file(tmp_path: Path) -> None:
    name = "n" * 240 + ".txt"
    assert write_bytes(tmp_path / name, b"").read_bytes() == b""


def test_written_files_are_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_text(tmp_path / "ours", "x")
    usual, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours"))
    assert ours == usual


class FullDisk:
    """A stream that takes some bytes and then finds the disk full."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.handle)

    def write(self, data: bytes) -> None:
        os.write(self.handle, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, "fdopen", lambda handle, mode: FullDisk(handle))
    with pytest.raises(RunError, match=r"cannot write '.*a\.txt': No space left on device"):
        write_text(tmp_path / "a.txt", "new and longer")
    assert read_text(tmp_path / "a.txt") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_an_interruption_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.txt", "old")

    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "new")
    assert read_text(tmp_path / "a.txt") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_real_limit_of_the_system_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    code = (
        "import resource, sys; from pathlib import Path; from grids.io import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), bytes(5000))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.txt"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("RunError cannot write")
    assert read_text(tmp_path / "a.txt") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


@pytest.mark.parametrize("target", ["file/a.txt", "folder"])
def test_places_that_cannot_be_written_are_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot write") as caught:
        write_text(tmp_path / target, "x")
    assert str(tmp_path / target) in str(caught.value)
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]


@pytest.fixture
def irregular(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """What may lie where a result is to be written, by its name in messages."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))  # which may be 108 letters long
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "folder").mkdir()
        yield {"a pipe": tmp_path / "pipe", "a socket": tmp_path / "socket", "a device": Path(os.devnull)} | {
            "a folder": tmp_path / "folder"
        }


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("write", [check_writable, lambda path: write_bytes(path, b"x")])
def test_only_regular_files_are_replaced(
    tmp_path: Path, irregular: dict[str, Path], linked: bool, write: Callable[[Path], Path]
) -> None:
    for number, (what, path) in enumerate(irregular.items()):
        target = path
        if linked:
            target = tmp_path / f"link {number}"
            target.symlink_to(path)
        before = path.stat()
        with pytest.raises(RunError) as caught:
            write(target)
        assert str(caught.value).startswith(f"cannot write '{target}': it is {what};")
        assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)
        assert target.is_symlink() == linked


def test_links_stay_and_what_they_lead_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write_text(tmp_path / "sub" / "old", "old")
    for name in ("old", "new"):
        (tmp_path / name).symlink_to(tmp_path / "sub" / name)
        assert check_writable(tmp_path / name) == tmp_path / "sub" / name
        write_text(tmp_path / name, "x")
        assert (tmp_path / name).is_symlink() and (tmp_path / "sub" / name).read_text() == "x"
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(RunError, match=f"cannot write '{tmp_path / 'a'}': Too many levels"):
        write_text(tmp_path / "a", "x")


def test_a_place_is_looked_at_and_nothing_made(tmp_path: Path) -> None:
    assert check_writable(tmp_path / "new" / "deep" / "a.csv") == tmp_path / "new" / "deep" / "a.csv"
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=f"cannot write '{tmp_path}/file/a': '{tmp_path}/file' is a file, not a folder"):
        check_writable(tmp_path / "file" / "a")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    with pytest.raises(RunError, match=r"cannot write '/proc/none\.csv': nothing can be written to the folder '/proc'"):
        check_writable(Path("/proc/none.csv"))


def test_without_parents_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        write_bytes(tmp_path / "gone" / "a", b"x", parents=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("target", ["file", "file/inner"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RunError, match="cannot write to the folder"):
        make_folder(tmp_path / target)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunError, match="Permission denied"):
            make_folder(tmp_path)
        with pytest.raises(RunError, match="Permission denied"):
            write_text(tmp_path / "a.txt", "x")
    finally:
        tmp_path.chmod(0o700)


def test_text_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"gr\xf6\xdfe")
    with pytest.raises(RunError, match="not UTF-8"):
        read_text(tmp_path / "latin.txt")
    with pytest.raises(RunError, match="No such file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(RunError, match="directory"):
        read_text(tmp_path)


def test_a_lock_names_who_holds_it_and_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from grids.io import locked\n"
        f"with locked(Path('run'), Path({str(tmp_path / '.lock')!r})): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None and holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=rf"'run' is in use by process {holder.pid} on host .+, since 20\d\d-"),
            locked(Path("run"), tmp_path / ".lock"),
        ):
            pass
        holder.kill()
        holder.wait()
    with (
        locked(Path("run"), tmp_path / ".lock"),
        pytest.raises(RunError, match=f"process {os.getpid()} "),
        locked(Path("run"), tmp_path / ".lock"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot lock 'run': "), locked(Path("run"), tmp_path / "file" / ".lock"):
        pass
