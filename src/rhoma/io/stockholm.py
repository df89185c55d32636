"""Stockholm files of alignments.

A name that begins with ``#``, ``//`` or ``%`` cannot stand at the front of a line, or would not be the same when it
is read: its first character is written as ``%23``, ``%2F`` or ``%25``, and read back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rhoma.alignment import Alignment
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_LETTERS = str.maketrans("._~T", "---U")
_MARKED = re.compile(r"#|//|%")
# Structures beside SS_cons: pseudoknots, as R-scape writes them.
_FURTHER = re.compile(r"SS_cons_\d+")
_ESCAPED = re.compile(r"%(23|2F|25)")


@dataclass(slots=True)
class Entry:
    """One alignment of a file, blocks joined.

    Attributes:
        features: text of the ``#=GF`` lines by tag.
        rows: aligned letters by name, upper-case RNA with ``-`` for gaps.
        columns: the ``#=GC`` lines by tag; one that does not stand in every block is left out.
    """

    features: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


class _Builder:
    """Gathers the lines of an entry."""

    def __init__(self) -> None:
        self.features: dict[str, list[str]] = {}
        self.rows: dict[str, list[str]] = {}
        self.columns: dict[str, list[str]] = {}

    def finish(self, path: Path | str) -> Entry:
        rows = {_unescape(name): "".join(parts).upper().translate(_LETTERS) for name, parts in self.rows.items()}
        columns = {tag: "".join(parts) for tag, parts in self.columns.items()}
        features = {tag: " ".join(parts) for tag, parts in self.features.items()}
        lengths = {len(row) for row in rows.values()}
        if len(lengths | ({len(columns["SS_cons"])} if "SS_cons" in columns else set())) > 1:
            raise InputError(
                "has rows of unequal length", path=path, record=features.get("AC"), remedy="write the alignment again"
            )
        return Entry(features, rows, {tag: line for tag, line in columns.items() if len(line) in lengths})


def stream_stockholm(lines: Iterable[str], *, path: Path | str) -> Iterator[Entry]:
    """Yields the alignments of Stockholm text, one at a time.

    Args:
        lines: the text.
        path: what to call it in an error.

    Raises:
        InputError: a line that is none of Stockholm's, rows of unequal length, or no ``//`` at the end.
    """
    builder = _Builder()
    for line in lines:
        if not line.startswith("#"):
            words = line.split()
            if words == ["//"]:
                yield builder.finish(path)
                builder = _Builder()
            elif len(words) == 2:
                builder.rows.setdefault(words[0], []).append(words[1])
            elif words:
                raise InputError(f"cannot read the line {line[:60]!r}", path=path)
        elif line.startswith("#=GC"):
            _, tag, text = (line.split(None, 2) + ["", ""])[:3]
            builder.columns.setdefault(tag, []).append(text.strip())
        elif line.startswith("#=GF"):
            _, tag, text = (line.split(None, 2) + ["", ""])[:3]
            builder.features.setdefault(tag, []).append(text.strip())
    if builder.rows:
        raise InputError("the last alignment has no end", path=path, remedy="copy or write it again")


def parse_stockholm(text: str, *, path: Path | str = "alignment") -> Alignment:
    """Returns the first alignment of Stockholm text, in one block or many.

    Args:
        text: the content of the file.
        path: what to call it in an error.

    Raises:
        InputError: no header, no sequences, or rows of unequal length.
    """
    if not text.startswith("# STOCKHOLM 1."):
        raise InputError("is no Stockholm file (the first line is not '# STOCKHOLM 1.0')", path=path)
    # not splitlines: a description may hold other signs that it takes for line ends
    entry = next(stream_stockholm(text.split("\n"), path=path), Entry())
    if not entry.rows:
        raise InputError("holds no sequences", path=path)
    return Alignment(
        tuple(entry.rows),
        tuple(entry.rows.values()),
        entry.columns.get("SS_cons", ""),
        # Infernal writes ~ over local ends: they are insertions too.
        entry.columns.get("RF", "").replace("-", ".").replace("~", "."),
        lines={tag: line for tag, line in entry.columns.items() if tag == "cov" or _FURTHER.fullmatch(tag)},
    )


def read_stockholm(path: Path) -> Alignment:
    """Returns the first alignment of a Stockholm file.

    Raises:
        InputError: the file is missing or is no Stockholm file.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query search' first")
    return parse_stockholm(path.read_text(encoding="utf-8"), path=path)


def _insertions(rf: str) -> list[tuple[int, int]]:
    """Returns the runs of columns, from start to end, that the reference line marks as insertions."""
    return [run.span() for run in re.finditer(r"\.+", rf)]


def _printed(row: str, insertions: Sequence[tuple[int, int]]) -> str:
    """Returns a row as Infernal writes it: lower case and ``.`` in columns of insertions."""
    parts, at = [], 0
    for start, end in insertions:
        parts += [row[at:start], row[start:end].replace("-", ".").lower()]
        at = end
    return "".join([*parts, row[at:]])


def _escape(name: str) -> str:
    return f"%{ord(name[0]):02X}{name[1:]}" if _MARKED.match(name) else name


def _different(names: list[str], rows: tuple[str, ...]) -> list[str]:
    """Returns names of which none comes twice: rows of one name would be read as one."""
    seen: set[str] = set()
    for at, name in enumerate(names):
        if name in seen:
            names[at] = f"{name}/1-{len(rows[at].replace('-', ''))}"
        seen.add(names[at])
    return names


def _unescape(name: str) -> str:
    found = _ESCAPED.match(name)
    return chr(int(found[1], 16)) + name[3:] if found else name


def format_stockholm(alignment: Alignment, *, features: Mapping[str, str] | None = None) -> str:
    """Returns the alignment as Stockholm text, one line a row.

    Args:
        alignment: what to write.
        features: text of ``#=GF`` lines by tag.
    """
    names = _different([_escape(name) for name in alignment.names], alignment.rows)
    marks = {"SS_cons": alignment.ss_cons, **alignment.lines, "RF": alignment.rf}
    width = max([*(len(f"#=GC {tag}") for tag in marks), *(len(name) for name in names)]) + 1
    lines = ["# STOCKHOLM 1.0"]
    lines += [f"#=GF {tag} {text}" for tag, text in (features or {}).items() if text]
    lines.append(f"#=GF SQ {len(names)}")
    for name, shown in zip(alignment.names, names, strict=True):
        lines += [f"#=GS {shown} {key} {text}" for key, text in alignment.notes.get(name, {}).items() if text]
    insertions = _insertions(alignment.rf)
    lines += [f"{name:<{width}}{_printed(row, insertions)}" for name, row in zip(names, alignment.rows, strict=True)]
    lines += [f"{f'#=GC {tag}':<{width}}{line}" for tag, line in marks.items() if line]
    return "\n".join([*lines, "//", ""])
