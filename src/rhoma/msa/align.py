"""The alignments of a batch: one directory a query, and the table of their quality."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from rhoma.alignment import Alignment, as_cells
from rhoma.artifacts import artefact_directory
from rhoma.errors import InputError, reason_of
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.fasta import read_fasta
from rhoma.io.hits import read_hits_tsv
from rhoma.io.stockholm import read_stockholm
from rhoma.msa.aligners import require
from rhoma.msa.build import BuildConfig, build, choose_rows, core_of
from rhoma.msa.extend import extend_ends
from rhoma.msa.homologs import Homolog, format_homologs, homologs_of, place_query
from rhoma.msa.mafft import parse_aligned, unaligned_fasta
from rhoma.msa.outputs import write_alignment
from rhoma.msa.quality import Quality, format_quality, measure
from rhoma.msa.select import fragments
from rhoma.processes import Processes
from rhoma.sequences import reverse_complement, safe_name
from rhoma.structure import LONG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rhoma.hits import Hit
    from rhoma.msa.embedded import States
    from rhoma.msa.extend import Fetch
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)


class AlignConfig(BuildConfig):
    """Settings of the alignment step: those of an alignment, and of a batch.

    Attributes:
        evalue: largest E-value of a homolog.
        threads: threads for all queries together.
        seed: the model seed written to ``af3.json``.
    """

    evalue: float = Field(default=1e-3, gt=0)
    threads: int = Field(default=1, ge=1)
    seed: int = Field(default=1, ge=0, le=2**32 - 1)


def _own(out: Path) -> bool:
    """Returns whether a directory is an earlier output of this step, which may be replaced."""
    return (out / "msa.tsv").is_file()


def _fetcher(path: Path) -> Fetch:
    """Returns what reads the letters of an index; a target that it does not hold (any more) has none."""
    from rhoma.index.bundle import Index

    index = Index.open(path, verify=False)

    def fetch(target: str, start: int, end: int, strand: str) -> str:
        number = index.sequence_of(target)
        letters = "" if number is None else index.fetch(number, start, end)
        return letters if strand == "+" else reverse_complement(letters)

    return fetch


class _Batch:
    """The queries of a search's output directory, with their hits and alignments."""

    def __init__(self, search: Path, fasta: Path, config: AlignConfig, index: Path | None = None) -> None:
        self.search = search
        self._fetch = None if index is None else _fetcher(index)
        self.config = config
        self.queries, _ = read_fasta(fasta, skip="short")
        self._hits: dict[str, list[Hit]] = {}
        for hit in read_hits_tsv(search / "hits.tsv"):
            self._hits.setdefault(hit.query, []).append(hit)

    def passing(self, query: Record) -> int:
        """Returns the number of hits under the E-value."""
        return sum(hit.evalue <= self.config.evalue for hit in self._hits.get(query.id, []))

    def start(self, query: Record) -> tuple[Alignment, list[Homolog]]:
        """Returns the search's alignment of the query with the homologs that are chosen, and those."""
        path = self.search / "alignments" / f"{safe_name(query.id)}.sto"
        hits = self._hits.get(query.id, [])
        if not path.is_file():
            aligned = [h for h in hits if h.evalue <= self.config.evalue]
            if aligned:
                raise InputError(
                    f"no such file, but query {query.id!r} has {len(aligned)} aligned hits",
                    path=path,
                    remedy="run 'query search' again",
                )
            return Alignment((query.id,), (query.sequence,)), []
        placed = place_query(read_stockholm(path), query)
        start, homologs = homologs_of(placed, hits, evalue=self.config.evalue)
        if self._fetch is not None:
            # before the choice: rows that differ at their ends alone are no copies
            start, homologs = extend_ends(start, homologs, self._fetch)
        rows = choose_rows(start, self.config)
        return start.keep(rows), [homologs[row - 1] for row in rows[1:]]


def prepare_mafft(search: Path, fasta: Path, out: Path, config: AlignConfig, *, index: Path | None = None) -> int:
    """Writes ``<safe name>.fasta`` (query and homologs, no gaps) per query with homologs; returns how many.

    MAFFT's output of each file, as ``<safe name>.afa`` in one directory, goes to :func:`align_batch`.

    Args:
        search: output directory of a search.
        fasta: the queries that were searched with.
        out: directory to make.
        config: the settings that the alignment will be run with.
        index: as for :func:`align_batch`.
    """
    batch = _Batch(search, fasta, config, index)
    count = 0
    with artefact_directory(out) as directory:
        for query in batch.queries:
            start, homologs = batch.start(query)
            # of longer queries the search's alignment is the last
            if homologs and len(query.sequence) <= LONG:
                # MAFFT ties rows to records by order; plain names pass through it unchanged.
                core = start.keep(core_of(start))
                names = [f"s{i}" for i in range(len(core.names))]
                text = unaligned_fasta(names, core.rows)
                (directory / f"{safe_name(query.id)}.fasta").write_text(text, encoding="utf-8")
                count += 1
    return count


def _notes(alignment: Alignment, homologs: Sequence[Homolog]) -> dict[str, dict[str, str]]:
    """Returns the ``#=GS`` lines of the homologs: what they are (DE), E-value (EV), bits (BS), and fragments (FR)."""
    part = fragments(as_cells(alignment.rows))
    notes = {}
    for row, homolog in enumerate(homologs, 1):
        hit = homolog.hit
        label = " ".join(piece for piece in (hit.family, hit.clan and f"({hit.clan})") if piece)
        notes[homolog.name] = {
            "DE": label,
            "EV": f"{hit.evalue:.2e}",
            "BS": "" if hit.bits != hit.bits else f"{hit.bits:.1f}",
            "FR": "fragment" if part[row] else "",
        }
    return notes


def align_query(
    query: Record,
    start: Alignment,
    homologs: Sequence[Homolog],
    out: Path,
    config: AlignConfig,
    *,
    hits: int,
    mafft: Path | None = None,
    states: States | None = None,
    threads: int = 1,
) -> Quality:
    """Writes the files of one query into ``out`` and returns the quality of its alignment.

    The files are those of :func:`rhoma.msa.outputs.write_alignment`.

    Args:
        query: the query.
        start: the query and its homologs as the search aligned them.
        homologs: best first.
        out: an existing directory.
        config: settings.
        hits: the number of hits under the E-value, for the table.
        mafft: directory with ``<safe name>.afa``; MAFFT is run here without it.
        states: for the aligner ``embed``.
        threads: for the external programs.
    """
    name = safe_name(query.id)
    core = None
    if homologs and mafft is not None and len(query.sequence) <= LONG:
        core = start.keep(core_of(start))
        path = mafft / f"{name}.afa"
        if not path.is_file():
            remedy = "align every file of 'align --prepare'"
            raise InputError("no such file", path=path, record=query.id, remedy=remedy)
        core = parse_aligned(path.read_text(encoding="utf-8"), core.names, core.rows, path=path)
    built = build(start, config, name=name, threads=threads, core=core, states=states)
    write_alignment(
        out,
        built,
        name=query.id,
        homologs=format_homologs(homologs),
        notes=_notes(built.alignment, homologs),
        seed=config.seed,
    )
    return measure(
        built.alignment,
        query=query.id,
        hits=hits,
        method=built.method,
        covariation=built.covariation,
        reason=built.reason,
        warnings=built.warnings,
    )


def align_batch(
    search: Path,
    fasta: Path,
    out: Path,
    config: AlignConfig,
    *,
    index: Path | None = None,
    mafft: Path | None = None,
    states: States | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Quality]:
    """Writes ``<out>/<safe name>/`` of every query and ``<out>/msa.tsv``; returns its rows, in query order.

    A query that cannot be aligned is a row of ``<out>/failed.tsv`` in place of that. One without homologs gets all
    its files too: the alignment is the query alone, with its own predicted structure. Of several threads each is a
    process, which reads the calling script again: that needs its ``if __name__ == "__main__"``.

    Args:
        search: output directory of a search: ``hits.tsv`` and ``alignments/<safe name>.sto``.
        fasta: the queries that were searched with.
        out: directory to make; it appears when everything is in it.
        config: settings.
        index: the index that was searched; with it, homologs are taken up to the query's ends
            (:mod:`rhoma.msa.extend`).
        mafft: directory with MAFFT's alignments of what :func:`prepare_mafft` wrote.
        states: gives the encoder's states, for the aligner ``embed``.
        progress: called with (queries done, queries).

    Raises:
        InputError: an input is missing or does not fit the others.
        ToolError: a program is missing.
    """
    require("cm" if mafft is not None else config.aligner, calibrate=config.calibrate)
    queries, _ = read_fasta(fasta, skip="short")
    # an encoder is loaded once
    workers = 1 if states is not None else max(1, min(config.threads, len(queries)))
    threads = max(1, config.threads // workers)
    with artefact_directory(out, overwrite=_own(out)) as directory:
        make = partial(
            _aligning, search, fasta, directory, config, index=index, mafft=mafft, states=states, threads=threads
        )
        apart: Processes[int, Quality | str] = Processes(workers, make, _killed)
        rows: list[Quality] = []
        failed: list[tuple[str, str]] = []
        try:
            for query, row in zip(queries, apart.results(range(len(queries))), strict=True):
                if isinstance(row, str):
                    shutil.rmtree(directory / safe_name(query.id), ignore_errors=True)
                    failed.append((query.id, row))
                    logger.warning("%s %s", query.id, row)
                else:
                    rows.append(row)
                if progress is not None:
                    progress(len(rows) + len(failed), len(queries))
        finally:
            apart.close()
        write_failed(directory / FAILED, failed)
        (directory / "msa.tsv").write_text(format_quality(rows), encoding="utf-8")
    return rows


def _aligning(
    search: Path,
    fasta: Path,
    out: Path,
    config: AlignConfig,
    *,
    index: Path | None,
    mafft: Path | None,
    states: States | None,
    threads: int,
) -> Callable[[int], Quality | str]:
    """Returns what aligns the query of a number: its quality, or why it could not be aligned."""
    batch = _Batch(search, fasta, config, index)

    def align(number: int) -> Quality | str:
        query = batch.queries[number]
        start, homologs = batch.start(query)
        place = out / safe_name(query.id)
        # one that was killed half way is begun again
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        hits = batch.passing(query)
        try:
            return align_query(
                query, start, homologs, place, config, hits=hits, mafft=mafft, states=states, threads=threads
            )
        except (InputError, OSError):
            # what was handed over does not fit, or a full disk: that is not this query's fault alone
            raise
        except Exception as error:  # noqa: BLE001 (as in a search: its row says what, and the others go on)
            return f"could not be aligned: {reason_of(error)}"

    return align


def _killed(_number: int) -> str:
    return "could not be aligned: the process was killed; it may need more memory"
