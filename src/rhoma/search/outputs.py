"""The files that the search of a batch of queries leaves.

``hits.tsv``, ``hits.m8``, ``hits.tblout``, ``hits.gff3``, ``hits.bed``, ``rounds.tsv``, ``failed.tsv`` and
``alignments/<query>.sto`` depend on the input alone; ``timings.tsv`` does not.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rhoma.artifacts import artefact_directory
from rhoma.hits import label_hits, sort_hits
from rhoma.io.bed import write_bed
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.gff3 import write_gff3
from rhoma.io.hits import write_hits_tsv
from rhoma.io.m8 import write_m8
from rhoma.io.rounds import ROUNDS, write_rounds
from rhoma.io.stockholm import format_stockholm
from rhoma.io.tblout import write_tblout
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rhoma.search.pipeline import SearchResult

logger = logging.getLogger(__name__)


def write_results(
    out: Path,
    results: Sequence[SearchResult],
    *,
    labels: Mapping[str, tuple[str, str]] | None = None,
    evalue: float = 1e-3,
) -> None:
    """Writes the files of a batch, all or none.

    Args:
        out: Directory to make.
        results: One entry a query.
        labels: Family and clan by target.
        evalue: Up to which hits are homologs (the mark of ``hits.tblout``).

    Raises:
        InputError: When ``out`` is in use or cannot be written.
    """
    hits = sort_hits(hit for result in results for hit in label_hits(result.hits, labels or {}))
    rounds = [
        (r.query, tile, s.round, s.shortlist, s.regions, s.included, s.new, s.cm, s.full, round(r.comparisons, 1))
        for r in results
        for tile, s in r.rounds
    ]
    with artefact_directory(out) as work:
        write_hits_tsv(work / "hits.tsv", hits)
        write_m8(work / "hits.m8", hits)
        write_gff3(work / "hits.gff3", hits)
        write_bed(work / "hits.bed", hits)
        write_tblout(work / "hits.tblout", hits, evalue=evalue)
        write_failed(work / FAILED, [(result.query, result.failure) for result in results if result.failure])
        write_rounds(work / ROUNDS, rounds)
        timings = ["query\tstage\tseconds"]
        for result in results:
            timings += [f"{result.query}\tround {tile}.{s.round}\t{s.seconds:.4f}" for tile, s in result.rounds]
            timings += [f"{result.query}\t{stage}\t{spent:.4f}" for stage, spent in result.seconds.items()]
        (work / "timings.tsv").write_text("".join(f"{line}\n" for line in timings))
        (work / "alignments").mkdir()
        for result in results:
            text = format_stockholm(result.alignment, features={"ID": safe_name(result.query)})
            (work / "alignments" / f"{safe_name(result.query)}.sto").write_text(text, encoding="utf-8")


def log_troubles(results: Sequence[SearchResult]) -> None:
    """Logs where the list of a query was too short, and what failed."""
    for result in results:
        if result.full:
            logger.warning(
                "%s: the shortlist ended full, there may be more homologs; give a larger --shortlist",
                result.query,
            )
        if result.failure:
            logger.warning("%s failed: %s", result.query, result.failure)
