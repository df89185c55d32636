from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma import artifacts
from rhoma.artifacts import artefact_directory, atomic_write, new_array
from rhoma.errors import ArtefactError, InputError
from rhoma.manifest import StoreManifest, read_manifest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


def write_and_fail(context: AbstractContextManager[Path], name: str | None) -> None:
    """Writes something inside a context and leaves it with an error."""
    with context as work:
        (work / name if name else work).write_text("x")
        raise RuntimeError


def enter(context: AbstractContextManager[Path]) -> None:
    with context:
        pass


def test_an_artefact_appears_whole_or_not_at_all(tmp_path: Path):
    out = tmp_path / "deep" / "artefact"
    with pytest.raises(RuntimeError):
        write_and_fail(artefact_directory(out), "half")
    assert list((tmp_path / "deep").iterdir()) == []
    with artefact_directory(out) as work:
        (work / "manifest.json").write_text("1")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["manifest.json"]
    with artefact_directory(out) as work:
        (work / "manifest.json").write_text("2")
        (work / "more").write_text("x")
    assert (out / "manifest.json").read_text() == "2"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["artefact"]


def test_foreign_directories_are_not_replaced(tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("x")
    with (
        pytest.raises(InputError, match="exists and is no artefact"),
        artefact_directory(tmp_path / "thesis"),
    ):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="exists and is no artefact"):
        enter(artefact_directory(tmp_path / "file"))
    assert (tmp_path / "thesis" / "chapter").read_text() == "x"
    with artefact_directory(tmp_path / "thesis", overwrite=True) as work:
        (work / "new").write_text("y")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["new"]


def test_a_kept_work_directory_is_used_again(tmp_path: Path):
    with pytest.raises(RuntimeError):
        write_and_fail(artefact_directory(tmp_path / "out", resume=True), "part")
    with artefact_directory(tmp_path / "out", resume=True) as work:
        assert (work / "part").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_atomic_write(tmp_path: Path):
    with atomic_write(tmp_path / "f") as work:
        work.write_text("one")
    with pytest.raises(RuntimeError):
        write_and_fail(atomic_write(tmp_path / "f"), None)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"f": "one"}
    with pytest.raises(InputError, match="cannot be written"), atomic_write(tmp_path / "no" / "f"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directories_without_permission(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"), artefact_directory(tmp_path / "out"):
        pass


def test_places_that_nobody_can_write():
    with pytest.raises(InputError, match="cannot be written"), artefact_directory("/proc/rhoma/out"):
        pass


def version(out: Path, text: str) -> None:
    with artefact_directory(out) as work:
        (work / "manifest.json").write_text(text)


@pytest.mark.parametrize("steps", ["one", "two"])
def test_replacing_takes_the_whole_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str):
    if steps == "two":
        monkeypatch.setattr(artifacts, "exchange", lambda one, other: False)
    for text in "abc":
        version(tmp_path / "out", text)
        assert (tmp_path / "out" / "manifest.json").read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("moment", ["rename", "exchange"])
def test_an_artefact_survives_a_kill_while_it_is_replaced(tmp_path: Path, moment: str):
    version(tmp_path / "out", "old")
    program = f"""
import os, signal
from rhoma import artifacts
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
if {moment!r} == "rename":
    artifacts.exchange = lambda one, other: False
    rename = os.rename
    def once(one, other):
        rename(one, other)
        die()
    os.rename = once
else:
    artifacts.shutil.rmtree = lambda *_, **__: die()
with artifacts.artefact_directory({str(tmp_path / "out")!r}) as work:
    (work / "manifest.json").write_text("new")
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "out").exists() == (moment == "exchange")
    with pytest.raises(ArtefactError, match="is damaged: no JSON"):
        read_manifest(tmp_path / "out", StoreManifest)
    assert (tmp_path / "out" / "manifest.json").read_text() == ("old" if moment == "rename" else "new")
    version(tmp_path / "out", "newer")
    assert (tmp_path / "out" / "manifest.json").read_text() == "newer"


def test_what_cannot_be_put_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".out.previous").mkdir()

    def refuse(one: object, other: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(ArtefactError, match=r"being replaced.*rename .*\.out\.previous to it"):
        read_manifest(tmp_path / "out", StoreManifest)


def test_a_new_array_is_a_file_of_zeros(tmp_path: Path):
    for shape in ((3, 4), (0, 4), (5,)):
        array = new_array(tmp_path / "a.npy", np.float16, shape)
        assert (array.shape, array.dtype, array.sum()) == (shape, np.float16, 0)
        array[...] = 2
        array.flush()
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.full(shape, 2, dtype=np.float16))


def test_a_full_disk_is_an_error_with_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"big.npy: cannot be written to its end .*4000128 bytes.*make room"):
        new_array(tmp_path / "big.npy", np.float32, (1000, 1000))
    for context in (artefact_directory(tmp_path / "out"), atomic_write(tmp_path / "out")):
        with pytest.raises(InputError, match="out: cannot be written to its end"), context:
            full()
    assert [path.name for path in tmp_path.iterdir()] == ["big.npy"]
