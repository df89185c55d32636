"""Queries as the user gives them: a FASTA file or a samplesheet, checked as a whole and cut into batches."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma.artifacts import artefact_directory
from rhoma.errors import InputError
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.skipped import write_skipped
from rhoma.sequences import MIN_LENGTH, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.io.fasta import Skipped

COLUMNS = ["id", "fasta"]
_SHEET = "give a CSV with the header 'id,fasta' and one line a FASTA file"


def read_queries(path: Path) -> tuple[list[Record], list[Skipped]]:
    """Returns the queries of a FASTA file or of a samplesheet (``.csv``), and those too short to be searched.

    A FASTA file of a samplesheet with a single record gives a query of the line's id; with several,
    ``id.record``. Paths in a samplesheet are relative to it, or to the current directory.

    Raises:
        InputError: When a file or a record cannot be used; nothing is left out but what is too short.
    """
    if path.suffix.lower() == ".csv":
        return _read_samplesheet(path)
    return read_fasta(path, min_length=MIN_LENGTH, skip="short")


def _read_samplesheet(path: Path) -> tuple[list[Record], list[Skipped]]:
    records: list[Record] = []
    skipped: list[Skipped] = []
    seen: dict[str, int] = {}
    for line, name, fasta in _lines(path):
        if name in seen:
            raise InputError(
                f"line {line}: the id is on line {seen[name]} already",
                path=path,
                record=name,
                remedy="give every line its own id",
            )
        seen[name] = line
        found, short = read_fasta(_place(path, fasta, line), min_length=MIN_LENGTH, skip="short")
        alone = len(found) + len(short) == 1
        records += [Record(name if alone else f"{name}.{one.id}", one.description, one.sequence) for one in found]
        skipped += [replace(one, id=name if alone else f"{name}.{one.id}") for one in short]
    names = Counter([*(one.id for one in records), *(one.id for one in skipped)])
    for name, count in names.items():
        if count > 1:
            raise InputError("two queries get this name", path=path, record=name, remedy="change an id")
    return records, skipped


def _lines(path: Path) -> list[tuple[int, str, str]]:
    """Returns (number, id, fasta) of the lines of a samplesheet."""
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="check the path")
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            rows = [(number, row) for number, row in enumerate(csv.reader(handle), start=1) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV text ({error})", path=path, remedy=_SHEET) from error
    if not rows:
        raise InputError("is empty", path=path, remedy=_SHEET)
    header = [cell.strip() for cell in rows[0][1]]
    for column in COLUMNS:
        if column not in header:
            raise InputError(f"line {rows[0][0]}: there is no column {column!r}", path=path, remedy=_SHEET)
    for column in header:
        if column not in COLUMNS or header.count(column) > 1:
            what = "twice" if column in COLUMNS else "unknown"
            raise InputError(f"line {rows[0][0]}: column {column!r} is {what}", path=path, remedy=_SHEET)
    if len(rows) == 1:
        raise InputError("has no line below the header", path=path, remedy=_SHEET)
    result = []
    for number, row in rows[1:]:
        cells = [cell.strip() for cell in row]
        if len(cells) != len(header) or not all(cells):
            raise InputError(f"line {number} does not hold an id and a FASTA file", path=path, remedy=_SHEET)
        values = dict(zip(header, cells, strict=True))
        if any(letter.isspace() for letter in values["id"]):
            raise InputError(f"line {number}: an id has no blanks", path=path, record=values["id"])
        result.append((number, values["id"], values["fasta"]))
    return result


def _place(sheet: Path, fasta: str, line: int) -> Path:
    for place in (sheet.parent / fasta, Path(fasta)):
        if place.exists():
            return place
    raise InputError(f"line {line}: no such file: {fasta}", path=sheet, remedy="check the path")


def prepare(path: Path, out: Path, *, batch_size: int) -> tuple[int, int, int]:
    """Reads the queries, writes them with :func:`write_batches`, and returns (queries, batches, skipped).

    Args:
        path: FASTA or samplesheet.
        out: Directory to make.
        batch_size: Queries a batch.

    Raises:
        InputError: When the input cannot be used, or ``out`` cannot be written; nothing is left behind.
    """
    records, skipped = read_queries(path)
    return len(records), write_batches(records, skipped, out, batch_size=batch_size), len(skipped)


def write_batches(records: Sequence[Record], skipped: Sequence[Skipped], out: Path, *, batch_size: int) -> int:
    """Writes queries as batches and returns how many these are.

    ``batches/batch_0001.fasta`` and so on, in the order of the input; ``skipped.tsv``.

    Args:
        records: The queries.
        skipped: Those that are too short.
        out: Directory to make.
        batch_size: Queries a batch.

    Raises:
        InputError: When ``out`` cannot be written; nothing is left behind.
    """
    starts = range(0, len(records), batch_size)
    with artefact_directory(out) as work:
        (work / "batches").mkdir()
        for number, start in enumerate(starts, start=1):
            write_fasta(work / "batches" / f"batch_{number:04d}.fasta", records[start : start + batch_size])
        write_skipped(work / "skipped.tsv", skipped)
    return len(starts)
