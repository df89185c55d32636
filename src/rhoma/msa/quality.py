"""How good an alignment is: depth, diversity and covariation, one row a query."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from rhoma.alignment import as_cells
from rhoma.errors import ArtefactError, InputError
from rhoma.msa.select import effective_sequences, fragments
from rhoma.structure import pair_evidence, pair_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rhoma.alignment import Alignment
    from rhoma.msa.covariation import CovaryingPair

# Fewer effective sequences than this carry little evidence of structure.
FEW_EFFECTIVE = 8.0


@dataclass(frozen=True, slots=True)
class Quality:
    """One row of ``msa.tsv``.

    Attributes:
        query: name of the query.
        length: its nucleotides.
        hits: its hits under the E-value.
        homologs: rows of the alignment besides the query.
        columns: columns of ``msa.sto``.
        neff: effective number of sequences at 80 % identity, the query counted (1 for the query alone).
        identity: mean identity of the homologs to the query over shared columns; empty in the file without
            homologs.
        coverage: mean share of the query's positions that a homolog fills; empty likewise.
        pairs: base pairs of SS_cons.
        covarying: those with a compensatory change.
        method: what made the alignment: ``cm``, ``profile`` (of the search), ``structural``, ``embed``, ``linsi``,
            ``xinsi``, these with ``+cm``, or ``single``.
        fragments: homologs that fill less than half of the query's positions.
        significant: base pairs that covary significantly (:mod:`rhoma.msa.covariation`).
        expected: sum over the base pairs of the power of that test: as many would be significant, were all real.
        reason: why this aligner.
        warnings: what to mind, separated by ``; ``; empty where there is nothing.
    """

    query: str
    length: int
    hits: int
    homologs: int
    columns: int
    neff: float
    identity: float | None
    coverage: float | None
    pairs: int
    covarying: int
    method: str
    fragments: int
    significant: int
    expected: float
    reason: str
    warnings: str


COLUMNS = tuple(field.name for field in fields(Quality))


def measure(
    alignment: Alignment,
    *,
    query: str,
    hits: int,
    method: str,
    covariation: Sequence[CovaryingPair] = (),
    reason: str = "",
    warnings: Sequence[str] = (),
) -> Quality:
    """Returns the quality of an alignment over the query's columns.

    Args:
        alignment: with ``ss_cons``, the query first.
        query: its name.
        hits: hits under the E-value.
        method: what made it.
        covariation: its pairs.
        reason: why that made it.
        warnings: what the making has to say.
    """
    cells = as_cells(alignment.rows)
    own = cells[:, cells[0] != ord("-")]
    others = own[1:]
    shared = others != ord("-")
    pairs = pair_table(alignment.ss_cons)
    paired = [pair for pair in covariation if pair.paired]
    same = ((others == own[0]) & shared).sum(axis=1) / np.maximum(shared.sum(axis=1), 1)
    return Quality(
        query=query,
        length=own.shape[1],
        hits=hits,
        homologs=len(others),
        columns=alignment.columns,
        neff=effective_sequences(own),
        identity=float(same.mean()) if len(others) else None,
        coverage=float(shared.mean()) if len(others) else None,
        pairs=len(pairs),
        covarying=sum(pair_evidence(alignment.rows, i, j) == "covarying" for i, j in pairs),
        method=method,
        fragments=int(fragments(cells)[1:].sum()),
        significant=sum(pair.significant for pair in paired),
        expected=sum(pair.power for pair in paired),
        reason=reason,
        warnings="; ".join(warnings),
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def format_quality(rows: Sequence[Quality]) -> str:
    """Returns ``msa.tsv``: a header line and one line a query, in the order given."""
    lines = [COLUMNS, *(tuple(_cell(getattr(row, name)) for name in COLUMNS) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _optional(text: str) -> float | None:
    return float(text) if text else None


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(COLUMNS, str),
    **dict.fromkeys(("length", "hits", "homologs", "columns", "pairs", "covarying", "fragments", "significant"), int),
    **dict.fromkeys(("neff", "expected"), float),
    **dict.fromkeys(("identity", "coverage"), _optional),
}


def read_quality(path: Path) -> list[Quality]:
    """Returns the rows of an ``msa.tsv``, in file order.

    Raises:
        InputError: the file is missing.
        ArtefactError: it is no such table.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query align' first")
    lines = path.read_text(encoding="utf-8").split("\n")
    if tuple(lines[0].split("\t")) != COLUMNS:
        raise ArtefactError("the header is not that of msa.tsv", path=path, remedy="write it again")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        try:
            cells = dict(zip(COLUMNS, line.split("\t"), strict=True))
            rows.append(Quality(**{name: _READ[name](cell) for name, cell in cells.items()}))
        except ValueError as error:
            raise ArtefactError(f"line {number}: {error}", path=path, remedy="write it again") from error
    return rows
