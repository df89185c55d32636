"""The tables of all batches as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.io.bed import write_bed
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.families import FAMILIES, accessions_of, write_families
from rhoma.io.gff3 import write_gff3
from rhoma.io.hits import write_hits_tsv
from rhoma.io.m8 import merge_m8
from rhoma.io.skipped import SKIPPED_RECORDS, write_skipped
from rhoma.io.tblout import merge_tblout
from rhoma.msa.quality import format_quality

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.report.collect import Run


def merge_hits(search: Sequence[Path], run: Run, out: Path) -> None:
    """Writes the tables of hits of all batches.

    ``hits.tsv``, ``hits.m8`` and ``hits.tblout``, sorted by (query, E-value, target), ``hits.gff3`` and ``hits.bed``,
    sorted by target; ``families.tsv`` where there is something to write.

    Args:
        search: output directories of searches.
        run: the same run, as collected.
        out: an existing directory.
    """
    hits = [hit for query in run.queries for hit in query.hits]
    accessions = accessions_of(run.families)
    write_hits_tsv(out / "hits.tsv", hits)
    merge_m8([path / "hits.m8" for path in search if (path / "hits.m8").is_file()], out / "hits.m8")
    write_gff3(out / "hits.gff3", hits, accessions)
    write_bed(out / "hits.bed", hits)
    tables = [path / "hits.tblout" for path in search if (path / "hits.tblout").is_file()]
    merge_tblout(tables, out / "hits.tblout", hits, accessions)
    if run.families:
        write_families(out / FAMILIES, run.families)


def merge_alignments(run: Run, out: Path) -> None:
    """Writes what concerns queries or families: ``msa.tsv``, ``failed.tsv``, ``skipped_records.tsv``, those with rows.

    The rows of ``msa.tsv`` follow the input; ``skipped_records.tsv`` is written whenever a database has told of its
    records.

    Args:
        run: as collected.
        out: an existing directory.
    """
    if run.failed:
        write_failed(out / FAILED, run.failed)
    if run.left_out is not None:
        write_skipped(out / SKIPPED_RECORDS, run.left_out)
    quality = [query.quality for query in run.queries if query.quality is not None]
    if quality:
        with atomic_write(out / "msa.tsv") as partial:
            partial.write_text(format_quality(quality), encoding="utf-8")


def merge_tables(search: Sequence[Path], run: Run, out: Path) -> None:
    """Writes the tables of all batches: :func:`merge_hits`, :func:`merge_alignments`.

    Args:
        search: output directories of searches.
        run: the same run, as collected.
        out: an existing directory.
    """
    merge_hits(search, run, out)
    merge_alignments(run, out)
