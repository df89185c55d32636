"""Files and directories that appear whole or not at all, whatever ends the process."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import gzip
import os
import secrets
import shutil
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhoma.errors import ArtefactError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import DTypeLike

MANIFEST = "manifest.json"
# of renameat2(2)
_HERE = -100
_EXCHANGE = 2
# what an error of a full disk, or of a used-up quota, has as its number
FULL = (errno.ENOSPC, errno.EDQUOT)


def _not_writable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be written ({error.strerror})", path=path, remedy="choose a directory you may write to")


def disk_full(path: Path, error: OSError, needed: str = "") -> InputError:
    """Returns the error of a file that the disk has no room for; `needed` says how much it wants."""
    return InputError(
        f"cannot be written to its end ({error.strerror}{needed})",
        path=path,
        remedy="make room, or choose a place on another disk",
    )


def exchange(one: Path, other: Path) -> bool:
    """Returns whether two paths have changed places in one step; the system or the file system may lack that."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _previous(out: Path) -> Path:
    """Returns where an artefact stands while another takes its place by two renames."""
    return out.absolute().parent / f".{out.name}.previous"


def recover(out: Path) -> None:
    """Puts an artefact back that a killed process had moved away to replace it; else does nothing.

    Raises:
        ArtefactError: it cannot be moved.
    """
    previous = _previous(out)
    if out.exists() or not previous.is_dir():
        return
    try:
        os.rename(previous, out)
    except OSError as error:
        if not out.exists():
            raise ArtefactError(
                f"was being replaced when a process was killed, and cannot be put back ({error.strerror})",
                path=out,
                remedy=f"rename {previous} to it",
            ) from None


def _install(work: Path, out: Path) -> None:
    """Moves a directory to its place; what is there makes room in one step where the file system can do that."""
    while True:
        if out.exists() and exchange(work, out):
            shutil.rmtree(work, ignore_errors=True)
            return
        previous = _previous(out)
        if out.exists():
            shutil.rmtree(previous, ignore_errors=True)
            os.rename(out, previous)
        try:
            os.rename(work, out)
        except OSError as error:
            # a reader has put the previous one back in between
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            continue
        shutil.rmtree(previous, ignore_errors=True)
        return


def _replaceable(out: Path) -> bool:
    return out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir()))


@contextmanager
def alone(directory: Path, problem: str, *, remedy: str, path: Path | None = None) -> Iterator[None]:
    """Holds the only right to a directory.

    Args:
        directory: what is held.
        problem: what the error says of it.
        remedy: what the error advises.
        path: what the error names; by default the directory.

    Raises:
        ArtefactError: another process has it.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtefactError(problem, path=path or directory, remedy=remedy) from None
        yield
    finally:
        os.close(handle)


def _sweep(out: Path) -> None:
    """Removes what killed processes have left of the same artefact; one that is being written is held."""
    for stale in out.absolute().parent.glob(f".{glob.escape(out.name)}.????????.tmp"):
        with suppress(ArtefactError, OSError), alone(stale, "is being written", remedy="wait"):
            shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def artefact_directory(out: Path | str, *, resume: bool = False, overwrite: bool = False) -> Iterator[Path]:
    """Gives a directory beside ``out`` that takes its place on success and leaves nothing behind on failure.

    Args:
        out: the artefact; one that is there already is replaced, any other non-empty directory is refused.
        resume: use a fixed directory and keep it on failure, for work that can be taken up again.
        overwrite: replace whatever directory is there.

    Raises:
        InputError: ``out`` is something else, or cannot be written.
    """
    out = Path(out)
    recover(out)
    replaceable = _replaceable(out) or (overwrite and out.is_dir())
    if (out.exists() or out.is_symlink()) and not replaceable:
        raise InputError("exists and is no artefact of rhoma", path=out, remedy="choose another name or remove it")
    parent = out.absolute().parent
    work = parent / f".{out.name}.{'partial' if resume else secrets.token_hex(4) + '.tmp'}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            _sweep(out)
        work.mkdir(exist_ok=resume)
    except OSError as error:
        raise _not_writable(parent, error) from None
    try:
        with nullcontext() if resume else alone(work, "is being written", remedy="wait"):
            yield work
        _install(work, out)
    except BaseException as error:
        if not resume:
            shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise disk_full(out, error) from None
        raise


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Gives a path beside ``path`` that is renamed to it on success and removed on failure.

    Raises:
        InputError: the directory is missing or cannot be written, or the disk is full.
    """
    path = Path(path)
    work = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        work.touch()
    except OSError as error:
        raise _not_writable(path.absolute().parent, error) from None
    try:
        yield work
        with open(work, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(work, path)
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path, error) from None
        raise
    finally:
        with suppress(OSError):
            work.unlink(missing_ok=True)


@contextmanager
def zipped(path: Path) -> Iterator[Callable[[str], int]]:
    """Gives a function that writes text to a gzip file without name and time in its header."""
    with (
        atomic_write(path) as work,
        work.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as handle,
    ):
        yield lambda text: handle.write(text.encode("utf-8"))


def new_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[Any]]:
    """Returns a new ``.npy`` file of zeros as a memory map, its space on the disk reserved.

    Without that, a disk that fills up later would end the process by a signal.

    Raises:
        InputError: the disk has no room for it.
    """
    import numpy as np

    with open(path, "wb") as handle:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        handle.flush()
        size = handle.tell() + np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        try:
            os.posix_fallocate(handle.fileno(), 0, size)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise disk_full(path, error, f", {size} bytes are needed") from None
    return np.lib.format.open_memmap(path, mode="r+")


def link(source: Path, target: Path) -> None:
    """Makes a file appear in a second place: by a hard link where the file system can do that, else as a copy."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)
