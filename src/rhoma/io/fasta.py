"""FASTA: reading with validation, record by record, and writing.

What is not understood is refused by name, or left out with its reason. A reader holds one record, and some
150 bytes for each name that it has seen.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rhoma.errors import InputError
from rhoma.sequences import IUPAC, MIN_LENGTH, NUCLEOTIDES, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Skip = Literal["none", "short", "bad"]

_ACCEPTED = (IUPAC + IUPAC.lower() + "Tt").encode()
_TO_RNA = bytes.maketrans((IUPAC.lower() + "Tt").encode(), (IUPAC + "UU").encode())
_AMINO_ACIDS_ONLY = b"EFILPQZOJXefilpqzojx*"
# Real proteins hold about a third of such letters; a mistyped nucleotide stays far below.
_PROTEIN_SHARE = 0.15
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


class _BadRecord(Exception):
    """What is wrong with one record, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


class _BadLength(_BadRecord):
    """It is too short or too long."""


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


def _text(header: bytes, *, strict: bool) -> str:
    """Returns a header as text: UTF-8, else, where that is not asked for, Latin-1."""
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError as error:
        if not strict:
            return header.decode("latin-1")
        raise _BadRecord(
            f"the header holds the byte 0x{header[error.start]:02x}, which is no UTF-8",
            "save the file as UTF-8: iconv -f latin1 -t utf8",
        ) from None


def _name(header: str) -> tuple[str, str]:
    """Returns the name and the description of a header without its '>'."""
    words = header.split(None, 1)
    if not words or header[0].isspace():
        raise _BadRecord("the header has no name after '>'", "write '>name' without a space")
    if not words[0].isprintable():
        raise _BadRecord(f"the name {words[0]!r} holds unprintable characters", "rename it")
    return words[0], words[1].strip() if len(words) > 1 else ""


def _letters(body: bytes) -> str:
    """Returns the letters of a record as RNA."""
    sequence = body.translate(_TO_RNA, b"\n")
    if sequence.translate(None, _ACCEPTED):
        # Blanks at the ends of lines are harmless; everything else that is left is not.
        sequence = b"".join(line.rstrip() for line in body.split(b"\n"))
        if sequence.translate(None, _ACCEPTED):
            raise _foreign(sequence)
        sequence = sequence.translate(_TO_RNA)
    if not sequence:
        raise _BadRecord("has no sequence", "add its sequence or remove it")
    return sequence.decode("ascii")


def _foreign(sequence: bytes) -> _BadRecord:
    """Returns what to say of a sequence with letters that are no nucleotides."""
    protein = len(sequence) - len(sequence.translate(None, _AMINO_ACIDS_ONLY))
    if protein >= _PROTEIN_SHARE * len(sequence) and len(sequence) >= 5:
        return _BadRecord(
            "looks like protein: "
            f"{protein} of {len(sequence)} letters are amino acids, no nucleotides (E, F, I, L, P, Q, ...)",
            "give nucleotide sequences (RNA or DNA)",
        )
    text = sequence.decode("utf-8", errors="replace")
    position, letter = next((i, c) for i, c in enumerate(text, 1) if c not in _ACCEPTED.decode())
    if letter in "-.~":
        return _BadRecord(f"gap {letter!r} at position {position}", "remove the gaps (unaligned sequences are needed)")
    if letter.isspace():
        return _BadRecord(f"blank {letter!r} at position {position}", "remove blanks inside the sequence")
    return _BadRecord(
        f"letter {letter!r} at position {position} is no IUPAC nucleotide code",
        "correct it, or write N for an unknown nucleotide",
    )


def _check_length(length: int, min_length: int, max_length: int | None) -> None:
    if length < min_length:
        raise _BadLength(f"has {length} nucleotides, fewer than the {min_length} that are needed", "remove the record")
    if max_length is not None and length > max_length:
        raise _BadLength(f"has {length} nucleotides, more than the {max_length} that are allowed", "remove the record")


def _check_content(sequence: str) -> None:
    if not sequence.strip("N"):
        raise _BadRecord("is all N", "give its nucleotides or remove it")
    if not any(letter in sequence for letter in NUCLEOTIDES):
        raise _BadRecord("holds no A, C, G, U or T", "give its nucleotides or remove it")


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


class _Names:
    """The names of a file so far: by a hash of each, its line and a hash of its sequence in one number."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def is_copy(self, name: str, sequence: str, line: int, *, strict: bool) -> bool:
        """Returns whether this name and sequence were there before; raises _BadRecord for a name used twice."""
        content = _hash(sequence.encode("ascii"))
        first, known = divmod(self._seen.setdefault(_hash(name.encode()), line << 64 | content), 1 << 64)
        if first == line:
            return False
        if known == content and not strict:
            return True
        raise _BadRecord(
            f"the name is used twice, in lines {first} and {line}",
            "give every record its own name (the first word of its header)",
        )


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
    names = _Names()
    for number, (line, header, body) in enumerate(fasta_entries(path), start=1):
        if gaps:
            body = body.translate(None, b"-.~")
        name, length = "", len(body) - body.count(b"\n")
        try:
            name, description = _name(_text(header, strict=skip != "bad"))
            sequence = _letters(body)
            length = len(sequence)
            _check_length(length, min_length, max_length)
            _check_content(sequence)
            if names.is_copy(name, sequence, line, strict=skip != "bad"):
                continue
        except _BadRecord as bad:
            if skip == "bad" or (skip == "short" and isinstance(bad, _BadLength)):
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


def format_fasta(records: Iterable[tuple[str, str]]) -> str:
    """Returns (header, letters) as FASTA text, each sequence on one line."""
    return "".join(f">{header}\n{letters}\n" for header, letters in records)


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
