"""The tables of all batches as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.io.bed import write_bed
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.gff3 import write_gff3
from rhoma.io.hits import read_hits_tsv, write_hits_tsv
from rhoma.io.m8 import merge_m8
from rhoma.io.skipped import SKIPPED_RECORDS, write_skipped
from rhoma.io.tblout import merge_tblout
from rhoma.msa.quality import format_quality

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.report.collect import Run


def merge_tables(search: Sequence[Path], run: Run, out: Path) -> list[Path]:
    """Writes the tables of all batches and returns their paths.

    ``hits.tsv``, ``hits.m8``, ``hits.tblout``, ``hits.gff3`` and ``hits.bed`` always, ``failed.tsv``,
    ``skipped_records.tsv`` and ``msa.tsv`` where there is something to write.

    The rows of the first three are sorted by (query, E-value, target); those of ``msa.tsv`` follow the input.

    Args:
        search: output directories of searches.
        run: the same run, as collected.
        out: an existing directory.
    """
    written = [out / name for name in ("hits.tsv", "hits.m8", "hits.gff3", "hits.bed", "hits.tblout")]
    hits = [hit for path in search for hit in read_hits_tsv(path / "hits.tsv")]
    write_hits_tsv(written[0], hits)
    merge_m8([path / "hits.m8" for path in search if (path / "hits.m8").is_file()], written[1])
    write_gff3(written[2], hits)
    write_bed(written[3], hits)
    merge_tblout([path / "hits.tblout" for path in search if (path / "hits.tblout").is_file()], written[4])
    if run.failed:
        written.append(out / FAILED)
        write_failed(written[-1], run.failed)
    if run.left_out is not None:
        written.append(out / SKIPPED_RECORDS)
        write_skipped(written[-1], run.left_out)
    quality = [query.quality for query in run.queries if query.quality is not None]
    if quality:
        written.append(out / "msa.tsv")
        with atomic_write(written[-1]) as partial:
            partial.write_text(format_quality(quality), encoding="utf-8")
    return written
