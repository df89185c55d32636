"""Families of a user's own homologs: each aligned by itself, and one that cannot be leaves the others alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhoma.alignment import as_cells
from rhoma.artifacts import artefact_directory
from rhoma.errors import InputError, reason_of
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.fasta import format_fasta, stream_fasta
from rhoma.msa.aligners import require
from rhoma.msa.build import build, choose_rows
from rhoma.msa.first import first_alignment
from rhoma.msa.outputs import write_alignment
from rhoma.msa.quality import Quality, format_quality, measure
from rhoma.msa.select import fragments
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rhoma.msa.align import AlignConfig
    from rhoma.msa.build import Built
    from rhoma.msa.embedded import States
    from rhoma.sequences import Record

# Longest sequence of a family that is aligned.
MAX_LENGTH = 30_000

_ENDINGS = (".gz", ".bgz", ".fasta", ".fas", ".fa", ".fna")


@dataclass(frozen=True, slots=True)
class Family:
    """Sequences to align.

    Attributes:
        name: of the family.
        query: the sequence whose positions the alignment is read by.
        homologs: the others, in the order of their file.
    """

    name: str
    query: Record
    homologs: tuple[Record, ...]


def family_name(path: Path) -> str:
    """Returns the name of the family of a file: the file's without its endings and blanks."""
    name = path.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return "_".join(name.split()) or path.name


def read_family(path: Path, *, name: str | None = None, query: str | None = None) -> Family:
    """Returns the family of a FASTA file; gaps of aligned FASTA are taken out.

    Args:
        path: the file.
        name: of the family; by default that of the file.
        query: name of the reference; by default the first sequence.

    Raises:
        InputError: the file or one of its records cannot be used, or it has no sequence of that name.
    """
    records = list(stream_fasta(path, max_length=MAX_LENGTH, gaps=True))
    place = 0 if query is None else next((n for n, record in enumerate(records) if record.id == query), -1)
    if place < 0:
        raise InputError(f"has no sequence {query!r}", path=path, remedy="name one of its sequences")
    return Family(name or family_name(path), records[place], tuple(records[:place] + records[place + 1 :]))


def align_family(
    family: Family, out: Path, config: AlignConfig, *, states: States | None = None, threads: int = 1
) -> Quality:
    """Writes the files of a family into ``out`` and returns the quality of its alignment.

    Copies and near copies are left out as those of a search are.

    Args:
        family: what to align.
        out: an existing directory.
        config: settings; the E-value has no effect here.
        states: gives the encoder's states, for the aligner ``embed``.
        threads: for the external programs.

    Raises:
        ToolError: a program is missing or has failed.
    """
    start = first_alignment(family.query, family.homologs, threads=threads)
    rows = choose_rows(start, config)
    chosen = [family.homologs[row - 1] for row in rows[1:]]
    built = build(start.keep(rows), config, name=safe_name(family.name), threads=threads, states=states)
    texts = ((f"{record.id} {record.description}".rstrip(), record.sequence) for record in chosen)
    write_alignment(
        out,
        built,
        name=family.name,
        homologs=format_fasta(texts),
        notes=_notes(built, (family.query, *chosen)),
        seed=config.seed,
    )
    return measure(
        built.alignment,
        query=family.name,
        hits=len(family.homologs),
        method=built.method,
        covariation=built.covariation,
        reason=built.reason,
        warnings=built.warnings,
    )


def _notes(built: Built, records: Sequence[Record]) -> dict[str, dict[str, str]]:
    """Returns the ``#=GS`` lines of the rows: their descriptions (DE), and fragments (FR)."""
    part = fragments(as_cells(built.alignment.rows))
    return {
        record.id: {"DE": record.description, "FR": "fragment" if part[row] else ""}
        for row, record in enumerate(records)
    }


def align_families(
    sources: Sequence[tuple[str, Path]],
    out: Path,
    config: AlignConfig,
    *,
    query: str | None = None,
    states: States | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Quality], list[tuple[str, str]]]:
    """Writes ``<out>/<family>/``, ``msa.tsv`` and ``failed.tsv``; returns the rows of both, in the order given.

    A family that cannot be read or aligned is a row of ``failed.tsv`` and has no directory.

    Args:
        sources: (name, FASTA file) of every family; names differ.
        out: directory to make; it appears when everything is in it.
        config: settings.
        query: name of the reference in every file; by default the first sequence.
        states: gives the encoder's states, for the aligner ``embed``.
        progress: called with (families done, families).

    Raises:
        ToolError: a program that every family needs is missing.
        InputError: two families have one name, or ``out`` cannot be written.
    """
    names = [name for name, _ in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError("two files are of this family", record=name, remedy="rename one, or give --name")
    require(config.aligner, calibrate=config.calibrate)
    rows: list[Quality] = []
    failed: list[tuple[str, str]] = []
    with artefact_directory(out, overwrite=(out / "msa.tsv").is_file()) as directory:
        for number, (name, path) in enumerate(sources, start=1):
            place = directory / safe_name(name)
            place.mkdir()
            try:
                family = read_family(path, name=name, query=query)
                rows.append(align_family(family, place, config, states=states, threads=config.threads))
            except OSError:
                # a full disk is not this family's fault alone
                raise
            except Exception as error:  # noqa: BLE001 (its row says what, and the others go on)
                shutil.rmtree(place)
                failed.append((name, reason_of(error)))
            if progress is not None:
                progress(number, len(sources))
        (directory / "msa.tsv").write_text(format_quality(rows), encoding="utf-8")
        write_failed(directory / FAILED, failed)
    return rows, failed
