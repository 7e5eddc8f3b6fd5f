"""Files: written as a whole or not at all, where the user named them, by every kind of path."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tensorgrad import files

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's kinds of files")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_new_file_and_a_replaced_one(tmp_path):
    path = tmp_path / "a"
    for data in (b"first", b"", b"second" * 1000):
        assert files.write_file(path, data) == path
        assert files.read_file(str(path)) == data
    assert names(tmp_path) == ["a"]


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert files.write_file("~/a", b"x") == tmp_path / "a"
    assert files.read_file("~/a") == b"x"


@pytest.mark.parametrize("kind", [str, os.fsencode, Path, os.DirEntry])
def test_every_kind_of_path(kind, tmp_path):
    path = tmp_path / "mine é"
    path.write_bytes(b"before")
    with os.scandir(tmp_path) as entries:
        given = next(entries) if kind is os.DirEntry else kind(path)
    assert files.write_file(given, b"after") == path
    assert files.read_file(given) == path.read_bytes() == b"after"


@pytest.mark.parametrize("wrong", [None, 3, io.BytesIO()], ids=["None", "a number", "a file"])
def test_what_names_no_file(wrong):
    for call in (files.read_file, files.check_output, lambda path: files.write_file(path, b"")):
        with pytest.raises(TypeError, match="a file is named by its path, such as 'folder/name', "):
            call(wrong)


@pytest.mark.parametrize("name", ["open", "fsync", "replace"])
def test_an_error_leaves_the_old_file_and_names_that_of_the_user(name, tmp_path, monkeypatch):
    path = tmp_path / "mine"
    path.write_bytes(b"before")

    def full(*_, **__):
        raise OSError(28, "No space left on device", str(tmp_path / ".hidden.part"))

    with monkeypatch.context() as patch:
        patch.setattr(files if name == "open" else os, name, full, raising=False)
        with pytest.raises(OSError, match="not written: No space left") as caught:
            files.write_file(path, b"after")
    assert caught.value.errno == 28
    assert caught.value.filename == str(path)
    assert "part" not in str(caught.value)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["mine"]


def test_an_interruption_leaves_the_old_file(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        files.write_file(tmp_path / "a", b"x")
    assert names(tmp_path) == []


@posix
def test_a_limit_of_the_system_is_an_error_with_the_name_of_the_file(tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            files.write_file(tmp_path / "a", bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist; create it"):
        files.write_file(tmp_path / "nowhere" / "a", b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="file is a file"):
        files.write_file(tmp_path / "file" / "a", b"x")


@posix
def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError, match="this is a folder; name a file in it"):
        files.write_file(tmp_path, b"x")
    for path, what in [(tmp_path / "pipe", "a pipe"), (Path(os.devnull), "a device")]:
        with pytest.raises(OSError, match=f"this is {what}, not a file"):
            files.write_file(path, b"x")
        with pytest.raises(OSError, match=f"this is {what}, not a file"):
            files.read_file(path)  # which would wait for ever
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to(tmp_path / "folder" / "file")  # which does not exist yet
    files.write_file(tmp_path / "first", b"x")
    assert (tmp_path / "folder" / "file").read_bytes() == b"x"
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()
    (tmp_path / "loop").symlink_to("pool")
    (tmp_path / "pool").symlink_to("loop")
    with pytest.raises(OSError, match="leads back to itself"):
        files.write_file(tmp_path / "loop", b"x")
    assert (tmp_path / "loop").is_symlink()


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_permissions_stay(mode, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"")
    path.chmod(mode)
    files.write_file(path, b"x")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    old = os.umask(0o027)
    try:
        files.write_file(tmp_path / "new", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@posix
def test_the_owner_stays_where_permitted(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"")
    if os.geteuid() != 0:
        path.chmod(0o444)
        with pytest.raises(PermissionError, match="no permission"):
            files.write_file(path, b"x")
        return
    os.chown(path, 1234, 4321)
    files.write_file(path, b"x")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


@posix
def test_parts_of_dead_processes_are_removed_and_others_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = ended.pid
    gone = tmp_path / f".{files.HOST}-{dead}-0123abcd.part"
    stay = [
        tmp_path / f".{files.HOST}-{os.getppid()}-0123abcd.part",  # of a living process
        tmp_path / f".00000000-{dead}-0123abcd.part",  # of another machine
        tmp_path / "mine.part",
    ]
    for path in (gone, *stay):
        path.write_bytes(b"")
    files.write_file(tmp_path / "a", b"x")
    assert not gone.exists()
    assert all(path.exists() for path in stay)


def test_the_folder_is_synced_after_the_file_is_renamed(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append("sync") or sync(fd))
    monkeypatch.setattr(os, "replace", lambda *a: calls.append("rename") or replace(*a))
    files.write_file(tmp_path / "a", b"x")
    assert calls == ["sync", "rename"] + ["sync"] * (sys.platform != "win32")
