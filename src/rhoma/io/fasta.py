"""FASTA: reading with validation, and writing.

Reading works on whole records of bytes with translation tables, never letter by letter, and refuses what it
does not understand by name.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rhoma.errors import InputError
from rhoma.sequences import IUPAC, MIN_LENGTH, NUCLEOTIDES, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_ACCEPTED = (IUPAC + IUPAC.lower() + "Tt").encode()
_TO_RNA = bytes.maketrans((IUPAC.lower() + "Tt").encode(), (IUPAC + "UU").encode())
_AMINO_ACIDS_ONLY = b"EFILPQZOJXefilpqzojx*"
# Real proteins hold about a third of such letters; a mistyped nucleotide stays far below.
_PROTEIN_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was left out, and why.

    Attributes:
        id: first word of the header.
        length: nucleotides.
        reason: a sentence for the report.
    """

    id: str
    length: int
    reason: str


def _read_bytes(path: Path) -> bytes:
    """Returns the content of a file, uncompressed when it is gzip or bgzip."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("is a directory, not a FASTA file", path=path, remedy="name the file in it") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path, remedy="check its permissions") from None
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"is a truncated or damaged gzip file ({error})", path=path, remedy="copy or download it again"
        ) from None


def _check_text(data: bytes, path: Path) -> None:
    """Raises InputError unless the bytes are text that begins like FASTA."""
    if not data.strip():
        raise InputError("is empty", path=path, remedy="give a FASTA file with at least one record")
    place = data.find(b"\0")
    if place < 0:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            place = error.start
    if place >= 0:
        raise InputError(
            f"is binary, not text (byte 0x{data[place]:02x} at offset {place})",
            path=path,
            remedy="give FASTA as plain text, gzip or bgzip",
        )
    if not data.lstrip().startswith(b">"):
        first = data.lstrip().split(b"\n", 1)[0].decode("utf-8").strip()
        kind = {
            "@": " (FASTQ?)",
            "#": " (Stockholm?)",
            "L": " (GenBank?)" if first.startswith("LOCUS") else "",
        }
        shown = first if len(first) <= 40 else first[:40] + "..."
        raise InputError(
            f"is not FASTA{kind.get(first[0], '')}: the first line is {shown!r} and does not begin with '>'",
            path=path,
            remedy="convert it to FASTA",
        )


def _name(header: str, number: int, path: Path) -> tuple[str, str]:
    """Returns the id and the description of a header line without its '>'."""
    words = header.split(None, 1)
    if not words or header[0].isspace():
        raise InputError(
            "the header has no name after '>'",
            path=path,
            record=number,
            remedy="write '>name' without a space",
        )
    if not words[0].isprintable():
        raise InputError(
            f"the name {words[0]!r} holds unprintable characters",
            path=path,
            record=number,
            remedy="rename it",
        )
    return words[0], words[1].strip() if len(words) > 1 else ""


def _letters(body: bytes, name: str, path: Path) -> str:
    """Returns the letters of a record as RNA, or raises InputError naming the first bad one."""
    sequence = body.translate(_TO_RNA, b"\n")
    if not sequence.translate(None, _ACCEPTED):
        return sequence.decode("ascii")
    # Blanks at the ends of lines are harmless; everything else that is left is not.
    sequence = b"".join(line.rstrip() for line in body.split(b"\n"))
    foreign = sequence.translate(None, _ACCEPTED)
    if not foreign:
        return sequence.translate(_TO_RNA).decode("ascii")
    protein = len(sequence) - len(sequence.translate(None, _AMINO_ACIDS_ONLY))
    if protein >= _PROTEIN_SHARE * len(sequence) and len(sequence) >= 5:
        raise InputError(
            "looks like protein: "
            f"{protein} of {len(sequence)} letters are amino acids, no nucleotides (E, F, I, L, P, Q, ...)",
            path=path,
            record=name,
            remedy="give nucleotide sequences (RNA or DNA)",
        )
    text = sequence.decode("utf-8")
    position, letter = next((i, c) for i, c in enumerate(text, 1) if c not in _ACCEPTED.decode())
    if letter in "-.~":
        problem, remedy = (
            f"gap {letter!r} at position {position}",
            "remove the gaps (unaligned sequences are needed)",
        )
    elif letter.isspace():
        problem, remedy = f"blank {letter!r} at position {position}", "remove blanks inside the sequence"
    else:
        problem = f"letter {letter!r} at position {position} is no IUPAC nucleotide code"
        remedy = "correct it, or write N for an unknown nucleotide"
    raise InputError(problem, path=path, record=name, remedy=remedy)


def _unusable(sequence: str, min_length: int, max_length: int | None) -> str | None:
    """Returns why the length of a sequence does not do, or None."""
    if len(sequence) < min_length:
        return f"has {len(sequence)} nucleotides, fewer than the {min_length} that are needed"
    if max_length is not None and len(sequence) > max_length:
        return f"has {len(sequence)} nucleotides, more than the {max_length} that are allowed"
    return None


def read_fasta(
    path: Path | str,
    *,
    min_length: int = MIN_LENGTH,
    max_length: int | None = None,
    short: Literal["error", "skip"] = "error",
) -> tuple[list[Record], list[Skipped]]:
    """Returns the records of a FASTA file in their order, and those that were skipped for their length.

    Plain, gzip or bgzip; RNA or DNA letters in either case; IUPAC codes; any line ends.

    Args:
        path: the file.
        min_length: fewest nucleotides of a record.
        max_length: most nucleotides of a record.
        short: whether a record outside these lengths is an error or is skipped.

    Raises:
        InputError: the file is missing, empty, binary, not FASTA or not nucleotides; a record has no name, no
            sequence, a letter outside IUPAC, nothing but N, or a name seen before.
    """
    path = Path(path)
    data = _read_bytes(path)
    _check_text(data, path)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    records: list[Record] = []
    skipped: list[Skipped] = []
    seen: dict[str, int] = {}
    for number, chunk in enumerate((b"\n" + data.lstrip()).split(b"\n>")[1:], 1):
        header, _, body = chunk.partition(b"\n")
        name, description = _name(header.decode("utf-8"), number, path)
        if name in seen:
            raise InputError(
                f"the name is used twice, by records number {seen[name]} and {number}",
                path=path,
                record=name,
                remedy="give every record its own name (the first word of its header)",
            )
        seen[name] = number
        sequence = _letters(body, name, path)
        if not sequence:
            raise InputError("has no sequence", path=path, record=name, remedy="add its sequence or remove it")
        reason = _unusable(sequence, min_length, max_length)
        if reason is not None:
            if short == "error":
                raise InputError(reason, path=path, record=name, remedy="remove the record")
            skipped.append(Skipped(name, len(sequence), reason))
            continue
        if not sequence.strip("N") or not any(letter in sequence for letter in NUCLEOTIDES):
            what = "is all N" if not sequence.strip("N") else "holds no A, C, G, U or T"
            raise InputError(what, path=path, record=name, remedy="give its nucleotides or remove it")
        records.append(Record(name, description, sequence))
    return records, skipped


def write_fasta(path: Path | str, records: Iterable[Record], *, width: int | None = 80) -> None:
    """Writes records as FASTA text, replacing a file of that name.

    Args:
        path: the file.
        records: what to write, in this order.
        width: nucleotides a line; None writes each sequence on one line.
    """
    with open(path, "w", encoding="utf-8", newline="\n") as handle:
        for record in records:
            handle.write(f">{record.id} {record.description}".rstrip() + "\n")
            step = width or max(1, len(record.sequence))
            for start in range(0, len(record.sequence), step):
                handle.write(record.sequence[start : start + step] + "\n")
