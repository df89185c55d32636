"""Alignments in memory, and Stockholm files.

An alignment in memory is plain: upper-case RNA letters and ``-`` for every gap. Which columns are insertions
is told by the reference line alone (``.`` there), and letter case and gap signs are derived from it when a
file is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_GAPS = str.maketrans("._~", "---")
_RNA = str.maketrans("T", "U")
_REGION = re.compile(r"(?P<target>.+)/(?P<start>\d+)-(?P<end>\d+)")


@dataclass(frozen=True, slots=True)
class Alignment:
    """A multiple sequence alignment, the query first.

    Attributes:
        names: one name a row; a hit is called ``target/start-end``, with start > end on the minus strand.
        rows: upper-case RNA with ``-`` for gaps, all of one length.
        ss_cons: consensus structure, one WUSS or dot-bracket sign a column; empty where there is none.
        rf: reference line, ``.`` where a column is an insertion; empty where there is none.
        notes: per row (by name) the ``#=GS`` features {feature: text} to write beside it.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...]
    ss_cons: str = ""
    rf: str = ""
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.rows}
        lengths |= {len(line) for line in (self.ss_cons, self.rf) if line}
        if len(self.names) != len(self.rows) or len(lengths) > 1:
            raise ValueError("the rows of an alignment have one length and one name each")

    @property
    def columns(self) -> int:
        """Returns the number of columns."""
        return len(self.rows[0]) if self.rows else 0

    def keep(self, indices: Sequence[int]) -> Alignment:
        """Returns the alignment of these rows, in this order, without the columns that are all gaps."""
        rows = [self.rows[i] for i in indices]
        full = [c for c in range(self.columns) if any(row[c] != "-" for row in rows)]

        def cut(line: str) -> str:
            return "".join(line[c] for c in full) if line else ""

        return Alignment(
            tuple(self.names[i] for i in indices),
            tuple(cut(row) for row in rows),
            # A pair whose one column goes cannot stay; without it the structure would not be balanced.
            cut(self.ss_cons) if len(full) == self.columns else "",
            cut(self.rf),
            self.notes,
        )

    def with_lines(self, *, ss_cons: str | None = None, rf: str | None = None) -> Alignment:
        """Returns the alignment with another structure or reference line."""
        return replace(
            self,
            ss_cons=self.ss_cons if ss_cons is None else ss_cons,
            rf=self.rf if rf is None else rf,
        )


def ungapped(row: str) -> str:
    """Returns the letters of a row."""
    return row.replace("-", "")


def parse_region(name: str) -> tuple[str, int, int] | None:
    """Returns (target, start, end) of ``target/start-end``, or None for a name of another form."""
    match = _REGION.fullmatch(name)
    return (match["target"], int(match["start"]), int(match["end"])) if match else None


def parse_stockholm(text: str, *, path: Path | str = "alignment") -> Alignment:
    """Returns the first alignment of Stockholm text, in one block or many.

    Args:
        text: the content of the file.
        path: what to call it in an error.

    Raises:
        InputError: no header, no sequences, or rows of different lengths.
    """
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# STOCKHOLM 1."):
        raise InputError("is no Stockholm file (the first line is not '# STOCKHOLM 1.0')", path=path)
    rows: dict[str, list[str]] = {}
    columns: dict[str, list[str]] = {"SS_cons": [], "RF": []}
    for line in lines[1:]:
        words = line.split()
        if line.startswith("//"):
            break
        if line.startswith("#=GC") and len(words) == 3 and words[1] in columns:
            columns[words[1]].append(words[2])
        elif words and not line.startswith("#"):
            if len(words) != 2:
                raise InputError(f"cannot read the line {line[:60]!r}", path=path)
            rows.setdefault(words[0], []).append(words[1])
    if not rows:
        raise InputError("holds no sequences", path=path)
    sequences = tuple("".join(parts).upper().translate(_GAPS).translate(_RNA) for parts in rows.values())
    if len({len(row) for row in sequences}) > 1:
        raise InputError("has rows of different lengths", path=path, remedy="write the alignment again")
    structure, reference = ("".join(columns[key]) for key in ("SS_cons", "RF"))
    n = len(sequences[0])
    return Alignment(
        tuple(rows),
        sequences,
        structure if len(structure) == n else "",
        # Infernal writes ~ over local ends: they are insertions too.
        reference.replace("-", ".").replace("~", ".") if len(reference) == n else "",
    )


def read_stockholm(path: Path) -> Alignment:
    """Returns the first alignment of a Stockholm file.

    Raises:
        InputError: the file is missing or is no Stockholm file.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query search' first")
    return parse_stockholm(path.read_text(encoding="utf-8"), path=path)


def _printed(row: str, rf: str) -> str:
    """Returns a row as Infernal writes it: lower case and ``.`` in columns of insertions."""
    if not rf:
        return row
    return "".join(
        ("." if letter == "-" else letter.lower()) if reference == "." else letter
        for letter, reference in zip(row, rf, strict=True)
    )


def _safe(name: str) -> str:
    """Returns a name that no reader takes for a comment or for the end of the alignment."""
    return re.sub(r"^(#|//)", lambda match: "".join(f"%{ord(c):02X}" for c in match[0]), name)


def format_stockholm(alignment: Alignment, *, identifier: str = "") -> str:
    """Returns the alignment as Stockholm text, one line a row.

    Args:
        alignment: what to write.
        identifier: text of ``#=GF ID``; none is written without it.
    """
    names = [_safe(name) for name in alignment.names]
    width = max([len("#=GC SS_cons"), *(len(name) for name in names)]) + 1
    lines = ["# STOCKHOLM 1.0"]
    if identifier:
        lines.append(f"#=GF ID {identifier}")
    lines.append(f"#=GF SQ {len(names)}")
    for name, shown in zip(alignment.names, names, strict=True):
        lines += [f"#=GS {shown} {key} {text}" for key, text in alignment.notes.get(name, {}).items() if text]
    lines += [f"{name:<{width}}{_printed(row, alignment.rf)}" for name, row in zip(names, alignment.rows, strict=True)]
    if alignment.ss_cons:
        lines.append(f"{'#=GC SS_cons':<{width}}{alignment.ss_cons}")
    if alignment.rf:
        lines.append(f"{'#=GC RF':<{width}}{alignment.rf}")
    return "\n".join([*lines, "//", ""])
