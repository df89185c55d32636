"""The alignment of the query with its homologs, as Stockholm text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhoma.hits import format_evalue
from rhoma.search.chains import plus
from rhoma.search.rounds import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.profile import ProfileScorer
    from rhoma.search.chains import Chain
    from rhoma.search.database import Database
    from rhoma.search.outcome import Outcome


@dataclass
class _Row:
    """Aligned letters of a stretch, placed in the columns of the whole; positions in reading direction."""

    column: int
    letters: str
    start: int
    end: int

    def cut(self, low: int, high: int) -> _Row:
        """Returns what lies in columns ``low`` to ``high`` (exclusive) of this row."""
        before = sum(c.isalpha() for c in self.letters[:low])
        inside = self.letters[low:high]
        start = self.start + before
        return _Row(0, inside, start, start + sum(c.isalpha() for c in inside))

    def drop(self, count: int) -> None:
        """Turns the first ``count`` letters into gaps."""
        letters = list(self.letters)
        for place, letter in enumerate(letters):
            if count == 0:
                break
            if letter.isalpha():
                letters[place], count, self.start = "-", count - 1, self.start + 1
        self.letters = "".join(letters)

    def first(self) -> int:
        """Returns the column of the first letter, counted in the whole."""
        return self.column + next(i for i, c in enumerate(self.letters) if c.isalpha())

    def last(self) -> int:
        """Returns the column of the last letter, counted in the whole."""
        return self.column + max(i for i, c in enumerate(self.letters) if c.isalpha())


@dataclass
class _Block:
    """The alignment of one piece: query, reference line, and the rows by (region, domain)."""

    query: str
    reference: str
    rows: dict[tuple[int, int], _Row]


def _block(scorer: ProfileScorer, outcome: Outcome, piece: int, chains: Sequence[Chain]) -> _Block:
    """Returns the alignment of what the chains hold of one piece."""
    wanted = {(p.region, p.domain): p for chain in chains for p in chain.parts if p.piece == piece}
    if not wanted:
        letters = outcome.model.query.textize().sequence
        return _Block(letters, "x" * len(letters), {})
    mark(outcome.hits, set(wanted))
    text = scorer.align_text(outcome.hits, outcome.model)
    by_place: dict[tuple[str, int, int], str] = {}
    for name, letters in text[1:-1]:
        number, _, span = name.rpartition("/")
        low, _, high = span.partition("-")
        by_place[(number, int(low) - 1, int(high))] = letters
    rows = {}
    for key, part in wanted.items():
        region = outcome.regions[part.region]
        origin = region.start if region.strand == "+" else -region.end
        place = (str(part.region), part.start - origin, part.end - origin)
        rows[key] = _Row(0, by_place[place], part.start, part.end)
    return _Block(text[0][1], text[-1][1], rows)


def _columns(block: _Block, low: int, high: int) -> tuple[int, int]:
    """Returns the columns of query positions ``low`` to ``high`` (exclusive), open at the outer ends."""
    places = [i for i, c in enumerate(block.query) if c.isalpha()]
    return (places[low] if low > 0 else 0), (places[high] if high < len(places) else len(block.query))


def _fill(rows: list[_Row], fetch: Letters) -> tuple[list[_Row], dict[int, str]]:
    """Returns the rows of one chain without overlaps, and the letters missing between them by column.

    The letters belong behind the column that is their key. A row that holds nothing of its own is dropped.
    """
    kept: list[_Row] = []
    missing: dict[int, str] = {}
    for row in rows:
        if kept:
            row.drop(max(0, kept[-1].end - row.start))
        if not any(c.isalpha() for c in row.letters) or (kept and row.first() <= kept[-1].last()):
            continue
        if kept and row.start > kept[-1].end:
            missing[kept[-1].last()] = fetch(kept[-1].end, row.start).lower()
        kept.append(row)
    return kept, missing


class Letters:
    """Fetches the letters of one target in reading direction."""

    def __init__(self, database: Database, chain: Chain) -> None:
        self._database = database
        self._chain = chain

    def __call__(self, start: int, end: int) -> str:
        """Returns the letters from ``start`` to ``end`` in reading direction."""
        low, high = plus(self._chain.strand, start, end)
        return self._database.fetch(self._chain.sequence, low, high, self._chain.strand)


def stockholm(
    query: str,
    scorer: ProfileScorer,
    database: Database,
    outcomes: Sequence[Outcome],
    offsets: Sequence[int],
    chains: Sequence[Chain],
    evalues: Sequence[float],
) -> str:
    """Returns the alignment of a query with its homologs.

    The query is the first row, whole, under its own name; a homolog is ``target/start-end`` (1-based, start
    > end on the minus strand). ``#=GS <row> DE`` holds its E-value, bits and source, ``#=GC RF`` marks the
    model's columns.

    Args:
        query: Name of the query.
        scorer: HMMER, as it made the outcomes.
        database: Where the letters between two stretches of a homolog are read.
        outcomes: Last round of each piece of the query.
        offsets: Start of each piece on the query.
        chains: The homologs, best first.
        evalues: Their E-values.
    """
    blocks = [_block(scorer, outcome, number, chains) for number, outcome in enumerate(outcomes)]
    lengths = [sum(c.isalpha() for c in block.query) for block in blocks]
    # neighbouring pieces hand over in the middle of what they share
    borders = (
        [0]
        + [(offsets[i + 1] + offsets[i] + lengths[i]) // 2 for i in range(len(blocks) - 1)]
        + [offsets[-1] + lengths[-1]]
    )
    letters, reference = "", ""
    placed: dict[tuple[int, int, int], _Row] = {}
    for number, block in enumerate(blocks):
        low, high = _columns(block, borders[number] - offsets[number], borders[number + 1] - offsets[number])
        for (region, domain), row in block.rows.items():
            inside = row.cut(low, high)
            inside.column = len(letters)
            placed[(number, region, domain)] = inside
        letters += block.query[low:high]
        reference += block.reference[low:high]
    names, lines, notes, extra = [query], [{0: letters}], [], dict[int, int]()
    fillers: list[dict[int, str]] = [{}]
    seen = {query}
    for chain, evalue in zip(chains, evalues, strict=True):
        rows, missing = _fill([placed[(p.piece, p.region, p.domain)] for p in chain.parts], Letters(database, chain))
        if not rows:
            continue
        low, high = plus(chain.strand, rows[0].start, rows[-1].end)
        first, last = (low + 1, high) if chain.strand == "+" else (high, low + 1)
        name = f"{database.index.names[chain.sequence]}/{first}-{last}"
        while name in seen:
            name += "|2"
        seen.add(name)
        names.append(name)
        notes.append(f"evalue={format_evalue(evalue)} bits={chain.bits:.1f} source={chain.source}")
        lines.append({row.column: row.letters for row in rows})
        fillers.append(missing)
        for column, between in missing.items():
            extra[column] = max(extra.get(column, 0), len(between))
    return _render(names, lines, fillers, extra, notes, reference)


def _render(
    names: Sequence[str],
    lines: Sequence[dict[int, str]],
    fillers: Sequence[dict[int, str]],
    extra: dict[int, int],
    notes: Sequence[str],
    reference: str,
) -> str:
    """Returns Stockholm text; ``extra`` columns are opened behind the columns that are its keys."""

    def widen(text: Sequence[str], filler: dict[int, str]) -> str:
        parts, last = [], 0
        for column in sorted(extra):
            parts.append("".join(text[last : column + 1]))
            parts.append(filler.get(column, "").ljust(extra[column], "."))
            last = column + 1
        return "".join((*parts, "".join(text[last:])))

    width = max(len(name) for name in (*names, "#=GC RF"))
    out = ["# STOCKHOLM 1.0", f"#=GF ID {names[0]}"]
    out += [f"#=GS {name:<{width}} DE {note}" for name, note in zip(names[1:], notes, strict=True)]
    for name, pieces, filler in zip(names, lines, fillers, strict=True):
        cells = ["-" if c == "x" else "." for c in reference]
        for start, letters in pieces.items():
            for place, letter in enumerate(letters, start=start):
                if letter.isalpha():
                    cells[place] = letter
        out.append(f"{name:<{width}} {widen(cells, filler)}")
    out.append(f"{'#=GC RF':<{width}} {widen(reference, {})}")
    out.append("//")
    return "\n".join(out) + "\n"
