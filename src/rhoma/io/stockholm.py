"""Stockholm files of alignments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rhoma.alignment import Alignment
from rhoma.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_GAPS = str.maketrans("._~", "---")
_RNA = str.maketrans("T", "U")


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
