"""The known family of a query and of its best hits: what the models of Rfam say of them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import infernal
from rhoma.artifacts import artefact_directory, link
from rhoma.io.bed import write_bed
from rhoma.io.families import FAMILIES, FamilyCall, accessions_of, write_families
from rhoma.io.fasta import read_fasta
from rhoma.io.gff3 import write_gff3
from rhoma.io.hits import read_hits_tsv, write_hits_tsv
from rhoma.io.tblout import merge_tblout
from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rhoma.hits import Hit
    from rhoma.sequences import Record

    # (target, 0-based start, end exclusive) to the letters of the plus strand, cut at the target's ends.
    Fetch = Callable[[str, int, int], str]

# Letters beside what the query's ends ask for: a local hit may stop short of the family's.
_MARGIN = 10


def region_of(hit: Hit, length: int) -> tuple[int, int]:
    """Returns where the whole homolog of a hit may lie on the plus strand, 0-based; the end may be past the target's.

    Args:
        hit: a hit.
        length: nucleotides of the query.
    """
    before, after = hit.qstart - 1 + _MARGIN, length - hit.qend + _MARGIN
    if hit.strand == "-":
        before, after = after, before
    return max(0, hit.tstart - 1 - before), hit.tend + after


def call_families(
    queries: Sequence[Record],
    hits: Sequence[Hit],
    fetch: Fetch,
    pressed: Path,
    *,
    clans: Path | None = None,
    most: int = 10,
    evalue: float = 1e-3,
    threads: int = 1,
) -> tuple[list[FamilyCall], list[Hit]]:
    """Returns the calls, each query before its hits, and the hits with family and clan.

    A hit that has a family already (from labels) keeps it. The model of a family has to match the strand of the hit.

    Args:
        queries: that were searched with.
        hits: of all queries, best first.
        fetch: letters of the database.
        pressed: library of models, a directory of :func:`rhoma.infernal.press`.
        clans: table of clans (Rfam.clanin).
        most: hits of a query that are asked about, the best.
        evalue: largest E-value of these.
        threads: for cmscan.
    """
    asked: list[tuple[Record, Hit | None, int, str]] = []
    for query in queries:
        asked.append((query, None, 0, query.sequence))
        for own in [hit for hit in hits if hit.query == query.id and hit.evalue <= evalue][:most]:
            start, end = region_of(own, len(query.sequence))
            letters = fetch(own.target, start, end)
            asked.append((query, own, start, letters if own.strand == "+" else reverse_complement(letters)))
    # each sequence once, however many queries find it
    distinct = list(dict.fromkeys(letters for _, _, _, letters in asked if letters))
    best: dict[tuple[str, bool], infernal.FamilyMatch] = {}
    for match in infernal.scan(pressed, [(text, text) for text in distinct], clans=clans, threads=threads):
        best.setdefault((match.name, False), match)
        best.setdefault((match.name, match.strand == "+"), match)
    calls = []
    named: dict[int, Hit] = {}
    for query, hit, start, letters in asked:
        found = best.get((letters, False) if hit is None else (letters, True))
        if hit is None:
            calls.append(_call(query, "", found, 0, len(letters), "+"))
        else:
            calls.append(_call(query, hit.target, found, start, len(letters), hit.strand))
            if found is not None and not hit.family:
                named[id(hit)] = replace(hit, family=found.family, clan=found.clan)
    return calls, [named.get(id(hit), hit) for hit in hits]


def _call(
    query: Record, target: str, match: infernal.FamilyMatch | None, offset: int, length: int, strand: str
) -> FamilyCall:
    """Returns the call of a match in letters that begin at an offset of the plus strand and read as a strand does."""
    if match is None:
        return FamilyCall(query.id, target)
    low, high, sense = match.start, match.end, match.strand
    if strand == "-":
        low, high, sense = length - high, length - low, "-" if sense == "+" else "+"
    place = (sense, offset + low + 1, offset + high)
    return FamilyCall(query.id, target, *place, match.family, match.accession, match.clan, match.bits)


def annotate_search(
    search: Path,
    fasta: Path,
    index: Path,
    pressed: Path,
    out: Path,
    *,
    clans: Path | None = None,
    most: int = 10,
    evalue: float = 1e-3,
    threads: int = 1,
) -> list[FamilyCall]:
    """Writes the output of a search again with the families of its hits and ``families.tsv``; returns the calls.

    Args:
        search: output directory of a search.
        fasta: the queries that were searched with.
        index: the index that was searched.
        pressed: see :func:`call_families`, as for what follows but ``out``.
        out: directory to make; files that do not change are linked.
        clans: likewise.
        most: likewise.
        evalue: likewise.
        threads: likewise.

    Raises:
        InputError: an input is missing or does not fit the others.
        ToolError: cmscan is missing or has failed.
    """
    from rhoma.index.bundle import Index

    bundle = Index.open(index, verify=False)

    def fetch(target: str, start: int, end: int) -> str:
        number = bundle.sequence_of(target)
        return "" if number is None else bundle.fetch(number, start, end)

    queries, _ = read_fasta(fasta, skip="short")
    hits = read_hits_tsv(search / "hits.tsv")
    calls, hits = call_families(queries, hits, fetch, pressed, clans=clans, most=most, evalue=evalue, threads=threads)
    with artefact_directory(out) as work:
        for place, _, files in os.walk(search, followlinks=True):
            target = work / Path(place).relative_to(search)
            target.mkdir(exist_ok=True)
            for file in files:
                if file not in ("hits.tsv", "hits.gff3", "hits.bed", "hits.tblout"):
                    link(Path(place) / file, target / file)
        write_hits_tsv(work / "hits.tsv", hits)
        write_gff3(work / "hits.gff3", hits, accessions_of(calls))
        write_bed(work / "hits.bed", hits)
        merge_tblout([search / "hits.tblout"], work / "hits.tblout", hits, accessions_of(calls))
        write_families(work / FAMILIES, calls)
    return calls
