"""The MMseqs2 database inside an index bundle: the sequences that are searched, under their first names."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.errors import InputError
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rhoma.index.bundle import Index

PREFIX = "db"


def available() -> bool:
    """Returns whether MMseqs2 is on PATH."""
    return shutil.which("mmseqs") is not None


def find_prefix(directory: Path) -> str:
    """Returns the name of the MMseqs2 database in a directory (the common prefix of its files).

    Raises:
        InputError: there is none, or more than one.
    """
    names = [path.name.removesuffix(".dbtype") for path in sorted(directory.glob("*.dbtype"))]
    found = [name for name in names if not name.endswith("_h") and (directory / f"{name}.index").is_file()]
    if len(found) != 1:
        problem = "holds no MMseqs2 database" if not found else f"holds several MMseqs2 databases: {', '.join(found)}"
        raise InputError(problem, path=directory, remedy="give the directory that 'mmseqs createdb' has filled")
    return found[0]


def copy_database(source: Path, target: Path) -> str:
    """Returns the prefix of the database after copying its directory; links are followed.

    Raises:
        InputError: the source holds no single database.
    """
    prefix = find_prefix(source)
    shutil.copytree(source, target)
    return prefix


def create_database(sequences: Iterable[tuple[str, str]], target: Path) -> str:
    """Returns the prefix of the database it has made of (name, sequence) in a new directory, compressed.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    target.mkdir()
    fasta = target / "sequences.fasta"
    write_fasta(fasta, (Record(name, "", sequence) for name, sequence in sequences), width=None)
    command = ["mmseqs", "createdb", fasta.name, PREFIX, "--dbtype", "2", "--compressed", "1", "-v", "1"]
    tools.run(command, cwd=target)
    fasta.unlink()
    return PREFIX


def searched_sequences(index: Index) -> Iterable[tuple[str, str]]:
    """Gives what belongs into the database: live representatives, and live near copies of dead ones."""
    live = index.live_sequences
    leads = index.representatives[live]
    for number in live[(leads == live) | ~np.isin(leads, live)].tolist():
        yield index.copies(number)[0], index.fetch(number)
