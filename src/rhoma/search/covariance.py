"""The query's covariance model: what it finds where the profile finds nothing, or too little to be sure."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from rhoma import infernal
from rhoma.alignment import Alignment, lay_out, whole_row
from rhoma.errors import ToolCrashError
from rhoma.evalue import cm_log_pvalue
from rhoma.search.scoring import TargetHit, best_of
from rhoma.sequences import repetition
from rhoma.structure import fold_consensus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rhoma.search.retrieval import Region, Shortlist
    from rhoma.search.scoring import Letters

logger = logging.getLogger(__name__)

# Nucleotides of targets that a model is shown, the best of the list first.
MOST_LETTERS = 500_000
# Rows that a consensus structure is folded of: more take longer and change little.
MOST_ROWS = 100
# Positions of the query that a homolog may lack at an end, and yet is taken to have.
LONGEST_END = 30
# Bits from which a hit counts. Every hit lies within its region (--notrunc). The filters of cmsearch are those of a
# search space of 20 Mb: wider ones take three to five times as long for few more hits that matter; bands of the dynamic
# programming are tighter than Infernal's own, for two thirds of the time and 0.1 bits (docs/decisions.md).
OPTIONS = ("--toponly", "--notrunc", "-Z", "20", "-T", "5", "--incT", "5", "--ftau", "1e-3", "--tau", "1e-4")
# The profiles that filter also say where the model is aligned: by Infernal's own values of these that is the part of a
# homolog which has letters in common, and the model loses the helices of its ends.
WHOLE = ("--rt1", "0.05", "--rt2", "0.001")
# Random sequences that calibrate the filters, 200 by default.
_DRAFT = ("--EmN", "50", "--EvN", "50", "--ElfN", "50", "--EgfN", "50")
# Runs of single letters pair with each other however the model reads: hits of such letters are none.
MOST_REPETITION = 4.0
_SPAN = re.compile(r"(\d+)/(\d+)-(\d+)")


def model_of(query: str, members: Sequence[TargetHit], letters: Letters | None) -> str:
    """Returns the covariance model of the query and its homologs, one column a position of the query.

    The structure is predicted from the query or the alignment. Profiles find the conserved middle of a homolog and not
    the helix that its ends form, so short ends that a homolog lacks are added without gaps. Without a base pair there
    is no model (an empty text): the profile says the same.

    Args:
        query: Letters of the tile.
        members: Homologs, best first.
        letters: Their letters; None where there are no members.
    """
    rows_of = (
        [] if letters is None else [letters.with_ends(hit, len(query), LONGEST_END) for hit in members[:MOST_ROWS]]
    )
    cells, positions = lay_out([whole_row(query), *rows_of], len(query))
    return model_of_rows(tuple(row[positions].tobytes().decode("ascii") for row in cells), query)


def model_of_rows(rows: tuple[str, ...], query: str) -> str:
    """Returns the covariance model of rows of one column a position of the query.

    It is empty where no base pair is found, and where cmbuild crashes, which is told: the search goes on without.
    """
    structure = fold_consensus(rows)
    if "(" not in structure:
        return ""
    names = tuple(str(number) for number in range(len(rows)))
    try:
        return infernal.build(Alignment(names, rows, structure, query), name="query", options=_DRAFT)
    except ToolCrashError as error:
        logger.warning("%d rows have no covariance model: %s", len(rows), error)
        return ""


def unknown_regions(listed: Shortlist, known: Iterable[TargetHit]) -> list[Region]:
    """Returns the regions of a list that hold none of the known hits, those that the vectors rank first first.

    Neither does their other strand: the reverse complement of a helix is nearly the helix, and a known homolog would be
    found again as its own shadow.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for hit in known:
        spans.setdefault(hit.sequence, []).append(hit.span)
    ranked = sorted(zip(listed.rank.tolist(), listed.regions, strict=True))
    chosen, total = [], 0
    for _, region in ranked:
        low, high = region.span
        if any(low <= start and end <= high for start, end in spans.get(region.sequence, ())):
            continue
        total += region.end - region.start
        if total > MOST_LETTERS:
            break
        chosen.append(region)
    return chosen


def search(
    model: str, regions: Sequence[Region], letters: Letters, *, whole: bool = True, threads: int = 1
) -> list[TargetHit]:
    """Returns what a covariance model of :func:`model_of` finds in regions, best first, one hit a place.

    Stretches of low complexity (:func:`rhoma.sequences.repetition`) are no hits. The result is the same for any number
    of threads.

    Args:
        model: Of :func:`model_of`; an empty one finds nothing.
        regions: Where to look.
        letters: Letters of targets.
        whole: Whether the model is aligned beyond what is alike in letters.
        threads: Searches of parts of the regions, side by side.
    """
    if not model or not regions:
        return []
    options = (*OPTIONS, *WHOLE) if whole else OPTIONS
    targets = [
        (str(number), letters.text(region.sequence, region.minus, region.start, region.end))
        for number, region in enumerate(regions)
    ]
    # of few short regions cmsearch gives its first thread all
    parts = [targets[part::threads] for part in range(min(threads, len(targets)))]
    with ThreadPoolExecutor(len(parts)) as pool:
        searched = pool.map(lambda part: infernal.search(model, part, options=options, aligned=True), parts)
        return best_of(hit for found, aligned in searched for hit in _hits(found, aligned, regions, targets))


def _hits(
    found: Sequence[infernal.CmHit],
    aligned: Alignment | None,
    regions: Sequence[Region],
    targets: Sequence[tuple[str, str]],
) -> Iterator[TargetHit]:
    """Gives the hits in targets, which are named by the numbers of their regions, with where their letters stand."""
    if aligned is None:
        return
    bits = {(hit.name, hit.start, hit.end): hit.bits for hit in found}
    reference = np.frombuffer(aligned.rf.encode("ascii"), dtype=np.uint8) != ord(".")
    position = np.cumsum(reference) - 1
    length = int(position[-1]) + 1
    for name, row in zip(aligned.names, aligned.rows, strict=True):
        match = _SPAN.fullmatch(name)
        if match is None:
            continue
        number, start, end = match[1], int(match[2]) - 1, int(match[3])
        if repetition(targets[int(number)][1][start:end]) > MOST_REPETITION:
            continue
        region = regions[int(number)]
        filled = np.frombuffer(row.encode("ascii"), dtype=np.uint8) != ord("-")
        columns = np.where(reference, position, -1)[filled].astype(np.int32)
        known = np.flatnonzero(columns >= 0)
        if not len(known):
            continue
        low, high = int(known[0]), int(known[-1]) + 1
        score = bits[number, start, end]
        yield TargetHit(
            region.sequence,
            region.minus,
            region.start + start + low,
            region.start + start + high,
            columns[low:high],
            score,
            cm_log_pvalue(score, length),
            "cm",
        )
