"""How good an alignment is: depth, diversity and covariation, one row a query."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from rhoma.errors import ArtefactError, InputError
from rhoma.msa.homologs import encode, identities
from rhoma.structure import pair_evidence, pair_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.alignment import Alignment

NEFF_IDENTITY = 0.8


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
        method: what made the alignment: ``cm``, ``profile`` (of the search), ``linsi``, ``xinsi``, these with
            ``+cm``, or ``single``.
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


COLUMNS = tuple(field.name for field in fields(Quality))


def effective_sequences(rows: Sequence[str], *, identity: float = NEFF_IDENTITY) -> float:
    """Returns the sum over rows of 1 / (number of rows at least that identical to it, itself counted)."""
    codes = encode(rows)
    total = 0.0
    for index in range(len(codes)):
        near = identities(codes[index], codes) >= identity
        near[index] = True
        total += 1.0 / int(near.sum())
    return total


def measure(alignment: Alignment, *, query: str, hits: int, method: str) -> Quality:
    """Returns the quality of an alignment over the query's columns.

    Args:
        alignment: with ``ss_cons``, the query first.
        query: its name.
        hits: hits under the E-value.
        method: what made it.
    """
    codes = encode(alignment.rows)
    own = codes[:, codes[0] != ord("-")]
    rows = [row.tobytes().decode("ascii") for row in own]
    others = own[1:]
    pairs = pair_table(alignment.ss_cons)
    return Quality(
        query=query,
        length=own.shape[1],
        hits=hits,
        homologs=len(others),
        columns=alignment.columns,
        neff=effective_sequences(rows),
        identity=float(identities(own[0], others).mean()) if len(others) else None,
        coverage=float((others != ord("-")).mean()) if len(others) else None,
        pairs=len(pairs),
        covarying=sum(pair_evidence(alignment.rows, i, j) == "covarying" for i, j in pairs),
        method=method,
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def format_quality(rows: Sequence[Quality]) -> str:
    """Returns ``msa.tsv``: a header line and one line a query, in the order given."""
    lines = [COLUMNS, *(tuple(_cell(getattr(row, name)) for name in COLUMNS) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


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
            query, length, hits, homologs, columns, neff, identity, coverage, pairs, covarying, method = line.split(
                "\t"
            )
            rows.append(
                Quality(
                    query,
                    int(length),
                    int(hits),
                    int(homologs),
                    int(columns),
                    float(neff),
                    float(identity) if identity else None,
                    float(coverage) if coverage else None,
                    int(pairs),
                    int(covarying),
                    method,
                )
            )
        except ValueError as error:
            raise ArtefactError(f"line {number}: {error}", path=path, remedy="write it again") from error
    return rows
