"""FASTA: reading with validation, record by record, and writing.

What is not understood is refused by name, or left out with its reason. A reader holds one record, and some
150 bytes for each name that it has seen.
"""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rhoma.errors import InputError
from rhoma.io.fasta_record import (
    BadLength,
    BadRecord,
    Names,
    check_content,
    check_length,
    header_text,
    letters_of,
    name_of,
)
from rhoma.sequences import MIN_LENGTH, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Skip = Literal["none", "short", "bad"]

_BOM = b"\xef\xbb\xbf"
_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_KINDS = {"@": " (FASTQ?)", "#": " (Stockholm?)", "LOCUS": " (GenBank?)"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was left out, and why.

    Attributes:
        id: first word of the header; empty where it has none.
        length: nucleotides.
        reason: what is wrong.
        file: name of its file, without directory.
        line: line of its header in the file, from 1; 0 where that is not known.
    """

    id: str
    length: int
    reason: str
    file: str = ""
    line: int = 0


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """Gives the content of a file, uncompressed when it is gzip or bgzip.

    Raises:
        InputError: it cannot be read, then or later.
    """
    try:
        with path.open("rb") as raw:
            head = raw.peek(8)
            other = next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)
            if other is not None:
                raise InputError(f"is a {other} file", path=path, remedy="unpack it, or pack it with gzip")
            packed = head.startswith(b"\x1f\x8b")
            yield io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw))) if packed else raw
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("is a directory, not a FASTA file", path=path, remedy="name the file in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"is a truncated or damaged gzip file ({error})", path=path, remedy="copy or download it again"
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path, remedy="check its permissions") from None


def _binary(path: Path, byte: int, offset: int) -> InputError:
    return InputError(
        f"is binary, not text (byte 0x{byte:02x} at offset {offset})",
        path=path,
        remedy="give FASTA as plain text, gzip or bgzip",
    )


def _not_fasta(line: bytes, path: Path) -> InputError:
    """Returns what to say of a file whose first line is no header."""
    strange = next(
        (place for place, byte in enumerate(line) if byte == 127 or (byte < 32 and byte not in b"\t\r\n")), None
    )
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        text, strange = "", error.start if strange is None else strange
    if strange is not None:
        return _binary(path, line[strange], strange)
    kind = next((kind for start, kind in _KINDS.items() if text.startswith(start)), "")
    shown = text if len(text) <= 40 else text[:40] + "..."
    return InputError(
        f"is not FASTA{kind}: the first line is {shown!r} and does not begin with '>'",
        path=path,
        remedy="convert it to FASTA",
    )


def fasta_entries(path: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields (line, header without its '>', body) of the records of a file as they are; the body has its line ends.

    Raises:
        InputError: the file is missing, empty, damaged or not FASTA.
    """
    with _opened(path) as handle:
        head = handle.peek(1)
        if (place := head.find(b"\0")) >= 0:
            raise _binary(path, 0, place)
        if head.startswith(_BOM):
            handle.read(len(_BOM))
        start, header, body = 0, b"", bytearray()
        # Latin-1 stands for the bytes: only the line ends are translated
        for number, text in enumerate(io.TextIOWrapper(handle, encoding="latin-1"), start=1):
            line = text.encode("latin-1")
            if line.startswith(b">"):
                if start:
                    yield start, header, bytes(body)
                start, header, body = number, line[1:].rstrip(b"\n"), bytearray()
            elif start:
                body += line
            elif line.strip():
                raise _not_fasta(line, path)
        if not start:
            raise InputError("is empty", path=path, remedy="give a FASTA file with at least one record")
        yield start, header, bytes(body)


def stream_fasta(
    path: Path | str,
    *,
    skip: Skip = "none",
    on_skip: Callable[[Skipped], object] | None = None,
    min_length: int = MIN_LENGTH,
    max_length: int | None = None,
    gaps: bool = False,
) -> Iterator[Record]:
    """Yields the records of a FASTA file in their order, one at a time.

    Plain, gzip or bgzip; RNA or DNA letters in either case; IUPAC codes; any line ends; a byte order mark.

    Args:
        path: the file.
        skip: which records are left out rather than refused: ``none``; ``short``, those outside the lengths;
            ``bad``, all that cannot be used. With ``bad`` a record that is there again, by name and sequence,
            counts once, and a header that is no UTF-8 is read as Latin-1.
        on_skip: called with each record that is left out.
        min_length: fewest nucleotides of a record.
        max_length: most nucleotides of a record.
        gaps: whether ``-``, ``.`` and ``~`` are taken out, of aligned FASTA; else they are refused.

    Raises:
        InputError: the file is missing, empty, binary or not FASTA; a record is refused: it has no name, no
            sequence, a letter outside IUPAC, nothing but N, or a name seen before.
    """
    path = Path(path)
    names = Names()
    for number, (line, header, body) in enumerate(fasta_entries(path), start=1):
        if gaps:
            body = body.translate(None, b"-.~")
        name, length = "", len(body) - body.count(b"\n")
        try:
            name, description = name_of(header_text(header, strict=skip != "bad"))
            sequence = letters_of(body)
            length = len(sequence)
            check_length(length, min_length, max_length)
            check_content(sequence)
            if names.is_copy(name, sequence, line, strict=skip != "bad"):
                continue
        except BadRecord as bad:
            if skip == "bad" or (skip == "short" and isinstance(bad, BadLength)):
                if on_skip is not None:
                    on_skip(Skipped(name, length, bad.problem, path.name, line))
                continue
            raise InputError(bad.problem, path=path, record=name or number, remedy=bad.remedy) from None
        yield Record(name, description, sequence)


def read_fasta(
    path: Path | str, *, skip: Skip = "none", min_length: int = MIN_LENGTH, max_length: int | None = None
) -> tuple[list[Record], list[Skipped]]:
    """Returns the records of a FASTA file in their order, and those that were left out; see `stream_fasta`.

    Raises:
        InputError: the file or a record cannot be used.
    """
    skipped: list[Skipped] = []
    records = stream_fasta(path, skip=skip, on_skip=skipped.append, min_length=min_length, max_length=max_length)
    return list(records), skipped


def read_database(path: Path | str, *, strict: bool = False) -> tuple[list[Record], list[Skipped]]:
    """Returns the records of a database that can be used, and those that were left out.

    Args:
        path: the file.
        strict: refuse what would be left out, and a record that is there twice.

    Raises:
        InputError: the file cannot be used, no record can, or with ``strict`` one cannot.
    """
    records, skipped = read_fasta(path, skip="none" if strict else "bad")
    if not records:
        first = skipped[0]
        name = f"record {first.id!r}" if first.id else f"that of line {first.line}"
        raise InputError(
            f"holds no record that can be used; of {len(skipped)}, the first, {name}: {first.reason}",
            path=path,
            remedy=f"give RNA or DNA of at least {MIN_LENGTH} nucleotides",
        )
    return records, skipped


def format_fasta(records: Iterable[tuple[str, str]], *, width: int | None = None) -> str:
    """Returns (header, letters) as FASTA text, with so many letters a line; None writes each sequence on one line."""
    return "".join(f">{header}\n{_lines(letters, width)}" for header, letters in records)


def _lines(letters: str, width: int | None) -> str:
    step = width or max(1, len(letters))
    return "".join(f"{letters[start : start + step]}\n" for start in range(0, len(letters), step))


def write_fasta(path: Path | str, records: Iterable[Record], *, width: int | None = 80) -> None:
    """Writes records as FASTA text, replacing a file of that name.

    Args:
        path: the file.
        records: what to write, in this order.
        width: nucleotides a line; None writes each sequence on one line.
    """
    with open(path, "w", encoding="utf-8", newline="\n") as handle:
        for record in records:
            handle.write(format_fasta([(f"{record.id} {record.description}".rstrip(), record.sequence)], width=width))
