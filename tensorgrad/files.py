"""Files that appear as a whole or not at all, in the place that the user named."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import stat
import sys
import time
import uuid
from pathlib import Path
from typing import Any

__all__ = ["as_path", "check_output", "read_file", "write_file"]

DAY = 86_400  # seconds

# Of the machine too, because a folder can be shared by several.
HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
PART = re.compile(r"\.(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{8}\.part")


def write_file(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file: it is replaced as a whole, or stays as it was, whenever the process dies.

    A link stays a link, and a file that is replaced hands on its permissions and, where the system
    allows it, its owner.
    Raises: OSError, with the path, if it cannot be written.
    """
    final = check_output(path)
    _remove_stale(final.parent)
    # Of a fixed length, because a name made from that of the file could be too long.
    part = final.with_name(f".{HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        _write_new(part, data, like=final)
        os.replace(part, final)
        _sync_folder(final.parent)
    except OSError as error:
        # The errors of the system name the hidden file.
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"the file was not written: {reason}", str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # gone already if all went well
    return as_path(path)


def as_path(path: str | bytes | os.PathLike[Any]) -> Path:
    """Return a path, in which ~ is the home folder.

    Raises: TypeError if it is none, such as an open file.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"a file is named by its path, such as 'folder/name', not by {path!r}")
    return Path(os.fsdecode(path)).expanduser()


def check_output(path: str | os.PathLike[str]) -> Path:
    """Return the place that a file is written to, behind all links, after checking it.

    Raises: OSError if a file there cannot be written, or is no file.
    """
    given = as_path(path)
    final = Path(os.path.realpath(given))
    folder = final.parent
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise OSError(
            errno.ENOTDIR if folder.exists() else errno.ENOENT,
            f"the folder {folder} {what}; create it first",
            str(path),
        )
    if final.is_symlink():
        raise OSError(errno.ELOOP, "the link leads back to itself", str(path))
    if final.is_dir():
        raise OSError(errno.EISDIR, "this is a folder; name a file in it", str(path))
    if final.exists() and not final.is_file():
        raise OSError(errno.EINVAL, f"this is {_kind(final)}, not a file", str(path))
    if not os.access(final if final.exists() else folder, os.W_OK):
        raise OSError(errno.EACCES, "there is no permission to write here", str(path))
    return final


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a file; devices and pipes, which may have no end, are refused.

    Raises: OSError if there is no such file.
    """
    given = as_path(path)
    if given.exists() and not given.is_file() and not given.is_dir():
        raise OSError(errno.EINVAL, f"this is {_kind(given)}, not a file", str(path))
    return given.read_bytes()


def _kind(path: Path) -> str:
    """Name what a path leads to that is neither a file nor a folder."""
    mode = path.stat().st_mode
    kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for test, name in kinds.items() if test(mode)), "a device")


def _write_new(path: Path, data: bytes, *, like: Path) -> None:
    """Write a new file to the disk, with the permissions and the owner of another if it exists."""
    with open(path, "xb") as file:
        if like.exists() and hasattr(os, "fchmod"):
            old = like.stat()
            with contextlib.suppress(OSError):  # only root may give a file away
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Write the entry of a renamed file to the disk, where the system can."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # some network drives cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_stale(folder: Path) -> None:
    """Remove the parts of files that processes of this machine left behind when they died."""
    with contextlib.suppress(OSError):  # the folder cannot be listed, or another was faster
        for entry in os.scandir(folder):
            match = PART.fullmatch(entry.name)
            if match and match["host"] == HOST and _is_dead(int(match["pid"]), entry):
                os.unlink(entry.path)


def _is_dead(pid: int, entry: os.DirEntry[str]) -> bool:
    """Return True if no process has this number."""
    if sys.platform == "win32":  # where os.kill would end the process
        return time.time() - entry.stat().st_mtime > DAY
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # it belongs to another user
        return False
    return False
