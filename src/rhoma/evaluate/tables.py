"""Tables as files: TSV, JSON and Markdown of the same rows."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Row = dict[str, Any]


def cell(value: object, digits: int = 4) -> str:
    """Returns a value as text: floats with that many significant digits, nan as ``NA``."""
    if isinstance(value, float):
        return "NA" if math.isnan(value) else f"{value:.{digits}g}"
    return str(value)


def write_table(directory: Path, name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes ``<name>.tsv`` and ``<name>.json``; columns that a row does not have are ``NA``."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(cell(row.get(column, math.nan)) for column in columns) for row in rows]
    (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plain = [{column: _plain(row.get(column, math.nan)) for column in columns} for row in rows]
    (directory / f"{name}.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_table(path: Path) -> list[Row]:
    """Returns the rows of a ``<name>.json`` that :func:`write_table` wrote; what was nan is None there.

    Raises:
        InputError: the file is missing or is no table.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"is no table ({error})", path=path) from None
    return [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]


def markdown(columns: Sequence[str], rows: Sequence[Row], *, heads: Sequence[str] | None = None) -> str:
    """Returns the rows as a Markdown table, numbers with three digits."""
    lines = ["| " + " | ".join(heads or columns) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        cells = (cell(row.get(column, math.nan), 3).replace("|", "\\|") for column in columns)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
