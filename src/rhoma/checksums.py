"""``<file>.sha256`` beside a file: its sha256 as the program sha256sum writes and checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.manifest import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".sha256"


def write_sha256(path: Path, digest: str | None = None) -> str:
    """Returns the sha256 of a file, which it writes into the file beside it; `digest` where it is known."""
    digest = digest or sha256_file(path)
    with atomic_write(path.with_name(path.name + SUFFIX)) as work:
        work.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return digest


def check_sha256(path: Path) -> None:
    """Checks a file against the sha256 that lies beside it; without one it does nothing.

    Raises:
        InputError: the file is missing or has another sha256.
    """
    stated = path.with_name(path.name + SUFFIX)
    if not stated.is_file():
        return
    if not path.is_file():
        raise InputError(f"is missing, but {stated.name} is there", path=path)
    words = stated.read_text(encoding="utf-8").split()
    if not words or words[0] != sha256_file(path):
        raise InputError(f"does not have the sha256 that {stated.name} states", path=path)
