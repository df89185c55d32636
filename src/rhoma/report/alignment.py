"""The alignment in colours: columns by the evidence of their pairs, letters by what they do to the pair."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from rhoma.msa.draw import PAIR_COLOURS
from rhoma.structure import CANONICAL, pair_evidence, pair_table

if TYPE_CHECKING:
    from rhoma.alignment import Alignment

MOST_ROWS = 200
MOST_COLUMNS = 2_000
# How much of a pair's colour its columns show; the rest is white.
_TINT = 0.28
_EVERY = 10


def _tint(colour: str) -> str:
    """Returns a light variant of a colour."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - _TINT * (255 - part)):02x}" for part in parts)


def _background(kinds: list[str]) -> str:
    """Returns a CSS gradient with a stripe for each run of columns of one kind; empty kinds are clear."""
    stops, at = [], 0
    for kind, run in groupby(kinds):
        end = at + len(list(run))
        colour = _tint(PAIR_COLOURS[kind]) if kind else "transparent"
        stops.append(f"{colour} {at}ch {end}ch")
        at = end
    return f"linear-gradient(90deg,{','.join(stops)})"


def _ruler(query: str) -> str:
    """Returns the line with the query's positions, every tenth, its last digit over the position."""
    line = [" "] * len(query)
    position = free = 0
    for column, letter in enumerate(query):
        position += letter != "-"
        text = str(position)
        begin = column - len(text) + 1
        if letter != "-" and position % _EVERY == 0 and begin >= free:
            line[begin : column + 1] = text
            free = column + 2
    return "".join(line)


def _letters(row: str, query: str, partner: dict[int, int]) -> str:
    """Returns a row, letters that change a pair of the query marked.

    ``<b>``: both letters of the pair, or one, differ from the query's and still pair; ``<i>``: they no longer do.
    """
    marks = []
    for column, letter in enumerate(row):
        other = partner.get(column)
        pair = "" if other is None or "-" in (letter, row[other]) else letter + row[other]
        if not pair:
            marks.append("")
        elif pair not in CANONICAL:
            marks.append("i")
        else:
            marks.append("b" if pair != query[column] + query[partner[column]] else "")
    out, at = [], 0
    for mark, run in groupby(marks):
        end = at + len(list(run))
        text = row[at:end]
        out.append(f"<{mark}>{text}</{mark}>" if mark else text)
        at = end
    return "".join(out)


def alignment_view(alignment: Alignment) -> str:
    """Returns the first 200 rows of an alignment as HTML; empty for a query alone or more than 2,000 columns.

    Above the rows stand the query's positions and the structure, and ``*`` over pairs that covary significantly (the
    line ``cov``). The colour of a column is the evidence of its pair, over all rows.

    Args:
        alignment: with its structure, the query first.
    """
    if len(alignment.rows) < 2 or alignment.columns > MOST_COLUMNS:
        return ""
    pairs = pair_table(alignment.ss_cons)
    partner = dict(pairs) | {j: i for i, j in pairs}
    kinds = [""] * alignment.columns
    for i, j in pairs:
        kinds[i] = kinds[j] = pair_evidence(alignment.rows, i, j)
    covarying = "".join("*" if sign == "2" else " " for sign in alignment.lines.get("cov", ""))
    query = alignment.rows[0]
    marks = [("position", _ruler(query)), ("structure", alignment.ss_cons)]
    if covarying:
        marks.append(("covariation", covarying))
    names = [f"<em>{name}</em>" for name, _ in marks] + [escape(name) for name in alignment.names[:MOST_ROWS]]
    rows = [f"<em>{escape(line)}</em>" for _, line in marks]
    rows += [_letters(row, query, partner) for row in alignment.rows[:MOST_ROWS]]
    return (
        f'<div class="alignment"><pre class="names">{chr(10).join(names)}</pre>'
        f'<div class="scroll" tabindex="0"><pre class="rows" style="background-image:{_background(kinds)}">'
        f"{chr(10).join(rows)}</pre></div></div>"
    )
