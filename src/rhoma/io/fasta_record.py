"""One record of a FASTA file: its name and its letters, or what is wrong with them."""

from __future__ import annotations

import hashlib

from rhoma.sequences import IUPAC, NUCLEOTIDES

_ACCEPTED = (IUPAC + IUPAC.lower() + "Tt").encode()
_TO_RNA = bytes.maketrans((IUPAC.lower() + "Tt").encode(), (IUPAC + "UU").encode())
_AMINO_ACIDS_ONLY = b"EFILPQZOJXefilpqzojx*"
# Real proteins hold about a third of such letters; a mistyped nucleotide stays far below.
_PROTEIN_SHARE = 0.15


class BadRecord(Exception):
    """What is wrong with one record.

    Attributes:
        problem: what is wrong.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


class BadLength(BadRecord):
    """It is too short or too long."""


def header_text(header: bytes, *, strict: bool) -> str:
    """Returns a header as text: UTF-8, else, unless `strict`, Latin-1.

    Raises:
        BadRecord: it is no UTF-8, with `strict`.
    """
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError as error:
        if not strict:
            return header.decode("latin-1")
        raise BadRecord(
            f"the header holds the byte 0x{header[error.start]:02x}, which is no UTF-8",
            "save the file as UTF-8: iconv -f latin1 -t utf8",
        ) from None


def name_of(header: str) -> tuple[str, str]:
    """Returns the name and the description of a header without its '>'.

    Raises:
        BadRecord: it has no name, or one with unprintable characters.
    """
    words = header.split(None, 1)
    if not words or header[0].isspace():
        raise BadRecord("the header has no name after '>'", "write '>name' without a space")
    if not words[0].isprintable():
        raise BadRecord(f"the name {words[0]!r} holds unprintable characters", "rename it")
    return words[0], words[1].strip() if len(words) > 1 else ""


def letters_of(body: bytes) -> str:
    """Returns the letters of a record as RNA, upper-case.

    Args:
        body: its lines, with line feeds as their ends.

    Raises:
        BadRecord: there are none, or a letter is no IUPAC code.
    """
    sequence = body.translate(_TO_RNA, b"\n")
    if sequence.translate(None, _ACCEPTED):
        # Blanks at the ends of lines are harmless; everything else that is left is not.
        sequence = b"".join(line.rstrip() for line in body.split(b"\n"))
        if sequence.translate(None, _ACCEPTED):
            raise _foreign(sequence)
        sequence = sequence.translate(_TO_RNA)
    if not sequence:
        raise BadRecord("has no sequence", "add its sequence or remove it")
    return sequence.decode("ascii")


def _foreign(sequence: bytes) -> BadRecord:
    """Returns what to say of a sequence with letters that are no nucleotides."""
    protein = len(sequence) - len(sequence.translate(None, _AMINO_ACIDS_ONLY))
    if protein >= _PROTEIN_SHARE * len(sequence) and len(sequence) >= 5:
        return BadRecord(
            "looks like protein: "
            f"{protein} of {len(sequence)} letters are amino acids, no nucleotides (E, F, I, L, P, Q, ...)",
            "give nucleotide sequences (RNA or DNA)",
        )
    text = sequence.decode("utf-8", errors="replace")
    position, letter = next((i, c) for i, c in enumerate(text, 1) if c not in _ACCEPTED.decode())
    if letter in "-.~":
        return BadRecord(f"gap {letter!r} at position {position}", "remove the gaps (unaligned sequences are needed)")
    if letter.isspace():
        return BadRecord(f"blank {letter!r} at position {position}", "remove blanks inside the sequence")
    return BadRecord(
        f"letter {letter!r} at position {position} is no IUPAC nucleotide code",
        "correct it, or write N for an unknown nucleotide",
    )


def check_length(length: int, min_length: int, max_length: int | None) -> None:
    """Refuses a record of another length.

    Raises:
        BadLength: it has fewer nucleotides, or more where there is a limit.
    """
    if length < min_length:
        raise BadLength(f"has {length} nucleotides, fewer than the {min_length} that are needed", "remove the record")
    if max_length is not None and length > max_length:
        raise BadLength(f"has {length} nucleotides, more than the {max_length} that are allowed", "remove the record")


def check_content(sequence: str) -> None:
    """Refuses a sequence that says nothing.

    Raises:
        BadRecord: it is all N, or holds none of A, C, G and U.
    """
    if not sequence.strip("N"):
        raise BadRecord("is all N", "give its nucleotides or remove it")
    if not any(letter in sequence for letter in NUCLEOTIDES):
        raise BadRecord("holds no A, C, G, U or T", "give its nucleotides or remove it")


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


class Names:
    """The names of a file so far: by a hash of each, its line and a hash of its sequence in one number."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def is_copy(self, name: str, sequence: str, line: int, *, strict: bool) -> bool:
        """Returns whether this name and sequence were there before.

        Raises:
            BadRecord: the name is used twice: for another sequence, or with `strict` for any.
        """
        content = _hash(sequence.encode("ascii"))
        first, known = divmod(self._seen.setdefault(_hash(name.encode()), line << 64 | content), 1 << 64)
        if first == line:
            return False
        if known == content and not strict:
            return True
        raise BadRecord(
            f"the name is used twice, in lines {first} and {line}",
            "give every record its own name (the first word of its header)",
        )
