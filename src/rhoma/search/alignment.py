"""The alignment of a query with its homologs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment, lay_out, whole_row
from rhoma.hits import format_evalue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.alignment import Row
    from rhoma.search.chaining import Chain
    from rhoma.search.database import Database
    from rhoma.search.query import Query


def row_of(chain: Chain, database: Database) -> Row:
    """Returns a chain as :func:`rhoma.alignment.lay_out` takes it; letters between two parts are inserted."""
    columns = [chain.parts[0].columns]
    for left, right in zip(chain.parts, chain.parts[1:], strict=False):
        columns += [np.full(right.start - left.end, -1, dtype=np.int32), right.columns]
    text = database.fetch(chain.sequence, chain.minus, chain.start, chain.end)
    return np.concatenate(columns), np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def align(
    query: Query, database: Database, chains: Sequence[Chain], rows: Sequence[Row], evalues: Sequence[float]
) -> Alignment:
    """Returns the alignment of a query with its homologs; the query alone where there are none.

    The query is the first row, whole, under its own name; a homolog is ``target/start-end`` (1-based, start > end on
    the minus strand). Its note ``DE`` holds E-value, bits and source; the reference line marks the query's positions.

    Args:
        query: The query.
        database: Where the names of the homologs are read.
        chains: The homologs, best first.
        rows: What :func:`row_of` gave for each.
        evalues: Their E-values.
    """
    length = len(query.sequence)
    cells, positions = lay_out([whole_row(query.sequence), *rows], length)
    names, notes = [query.name], {}
    for chain, evalue in zip(chains, evalues, strict=True):
        low, high = chain.span
        first, last = (high, low + 1) if chain.minus else (low + 1, high)
        name = f"{database.index.copies(chain.sequence)[0]}/{first}-{last}"
        names.append(name)
        notes[name] = {"DE": f"evalue={format_evalue(evalue)} bits={chain.bits:.1f} source={chain.source}"}
    if query.name in names[1:]:
        # called by its own place in the database: rows of one name would be one row in Stockholm
        names[0] = f"{query.name}/query"
    return Alignment(
        tuple(names),
        tuple(row.tobytes().decode("ascii") for row in cells),
        rf="".join("x" if position else "." for position in positions.tolist()),
        notes=notes,
    )
