"""The alignments of a batch: one directory a query, and the table of their quality."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from rhoma import infernal, tools
from rhoma.alignment import Alignment
from rhoma.artifacts import artefact_directory
from rhoma.errors import InputError, ToolError
from rhoma.io.a3m import format_a3m
from rhoma.io.af3 import format_af3
from rhoma.io.fasta import read_fasta
from rhoma.io.hits import read_hits_tsv
from rhoma.io.stockholm import format_stockholm, read_stockholm
from rhoma.msa.draw import draw_structure
from rhoma.msa.extend import extend_ends
from rhoma.msa.homologs import Homolog, choose_homologs, format_homologs, place_query
from rhoma.msa.mafft import mafft_alignment, parse_aligned, require_xinsi, unaligned_fasta
from rhoma.msa.quality import Quality, format_quality, measure
from rhoma.sequences import reverse_complement, safe_name
from rhoma.structure import LONG, annotate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rhoma.hits import Hit
    from rhoma.msa.extend import Fetch
    from rhoma.sequences import Record

# cmbuild takes about a minute at this length, and its time grows with the square.
LONGEST_MODEL = 3_000
_CMALIGN_SECONDS = 1_800.0


class AlignConfig(BaseModel):
    """Settings of the alignment step.

    Attributes:
        evalue: largest E-value of a homolog.
        max_homologs: most homologs in an alignment.
        max_identity: homologs more alike than this to a better one are left out.
        aligner: what aligns the homologs before the covariance model does: the search's profile (``cm``),
            MAFFT L-INS-i (``linsi``) or X-INS-i (``xinsi``).
        rounds: how often model and alignment are made from each other.
        threads: threads for all queries together.
        seed: the model seed written to ``af3.json``.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    evalue: float = Field(default=1e-3, gt=0)
    max_homologs: int = Field(default=100, ge=1)
    max_identity: float = Field(default=0.95, gt=0, le=1)
    aligner: Literal["cm", "linsi", "xinsi"] = "cm"
    rounds: int = Field(default=1, ge=1, le=5)
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
            aligned = [h for h in hits if h.evalue <= self.config.evalue and h.source in ("profile", "cm")]
            if aligned:
                raise InputError(
                    f"no such file, but query {query.id!r} has {len(aligned)} aligned hits",
                    path=path,
                    remedy="run 'query search' again",
                )
            return Alignment((query.id,), (query.sequence,)), []
        start, homologs = choose_homologs(
            place_query(read_stockholm(path), query),
            hits,
            evalue=self.config.evalue,
            max_homologs=self.config.max_homologs,
            max_identity=self.config.max_identity,
        )
        return (start, homologs) if self._fetch is None else extend_ends(start, homologs, self._fetch)


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
            if homologs:
                # MAFFT ties rows to records by order; plain names pass through it unchanged.
                names = [f"s{i}" for i in range(len(start.names))]
                text = unaligned_fasta(names, start.rows)
                (directory / f"{safe_name(query.id)}.fasta").write_text(text, encoding="utf-8")
                count += 1
    return count


def _realign(start: Alignment, name: str, config: AlignConfig, threads: int) -> tuple[str, Alignment | None]:
    """Returns the last covariance model, and the alignment to it; None where cmalign fails in the first round."""
    annotated = start
    model = ""
    for round_number in range(config.rounds):
        if round_number:
            annotated = annotate(annotated.with_lines(ss_cons="", rf=""))
        model = infernal.build(annotated, name=name)
        try:
            annotated = infernal.align(model, annotated, threads=threads, timeout=_CMALIGN_SECONDS)
        except ToolError:
            # A matrix too large or a run too long: the alignment at hand stays.
            return model, None if round_number == 0 else annotated
    return model, annotated


def _notes(homologs: Sequence[Homolog]) -> dict[str, dict[str, str]]:
    """Returns the ``#=GS`` lines of the homologs: what they are (DE), E-value (EV) and bits (BS)."""
    notes = {}
    for homolog in homologs:
        hit = homolog.hit
        label = " ".join(part for part in (hit.family, hit.clan and f"({hit.clan})") if part)
        notes[homolog.name] = {
            "DE": label,
            "EV": f"{hit.evalue:.2e}",
            "BS": "" if hit.bits != hit.bits else f"{hit.bits:.1f}",
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
    threads: int = 1,
) -> Quality:
    """Writes the six files of one query into ``out`` and returns the quality of its alignment.

    ``homologs.fasta``, ``msa.sto``, ``msa.a3m``, ``af3.json``, ``structure.svg`` and, up to ``LONGEST_MODEL``
    nucleotides, ``model.cm``.

    Args:
        query: the query.
        start: the query and its homologs as the search aligned them.
        homologs: best first.
        out: an existing directory.
        config: settings.
        hits: the number of hits under the E-value, for the table.
        mafft: directory with ``<safe name>.afa``; MAFFT is run here without it.
        threads: for the external programs.
    """
    name = safe_name(query.id)
    method: str = "profile" if config.aligner == "cm" else config.aligner
    if not homologs:
        method = "single"
    elif config.aligner != "cm" and mafft is not None:
        path = mafft / f"{name}.afa"
        if not path.is_file():
            remedy = "align every file of 'align --prepare'"
            raise InputError("no such file", path=path, record=query.id, remedy=remedy)
        start = parse_aligned(path.read_text(encoding="utf-8"), start.names, start.rows, path=path)
    elif config.aligner != "cm":
        start = mafft_alignment(query, start, config.aligner, scratch=out, threads=threads)
    final = annotate(start)
    model = ""
    if homologs and len(query.sequence) <= LONG:
        model, realigned = _realign(final, name, config, threads)
        if realigned is not None:
            method = "cm" if config.aligner == "cm" else f"{config.aligner}+cm"
            final = realigned
    elif len(query.sequence) <= LONGEST_MODEL:
        model = infernal.build(final, name=name)
    final = replace(final, notes=_notes(homologs))
    texts = {
        "homologs.fasta": format_homologs(homologs),
        "msa.sto": format_stockholm(final, features={"ID": name}),
        "msa.a3m": format_a3m(final),
        "af3.json": format_af3(final, name=query.id, seed=config.seed),
        "structure.svg": draw_structure(final, title=f"Consensus structure of {query.id}"),
        **({"model.cm": model} if model else {}),
    }
    for file, text in texts.items():
        (out / file).write_text(text, encoding="utf-8")
    return measure(final, query=query.id, hits=hits, method=method)


def align_batch(
    search: Path,
    fasta: Path,
    out: Path,
    config: AlignConfig,
    *,
    index: Path | None = None,
    mafft: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Quality]:
    """Writes ``<out>/<safe name>/`` of every query and ``<out>/msa.tsv``; returns its rows, in query order.

    A query without homologs gets all its files too: the alignment is the query alone, with its own predicted
    structure.

    Args:
        search: output directory of a search: ``hits.tsv`` and ``alignments/<safe name>.sto``.
        fasta: the queries that were searched with.
        out: directory to make; it appears when everything is in it.
        config: settings.
        index: the index that was searched; with it, homologs are taken up to the query's ends
            (:mod:`rhoma.msa.extend`).
        mafft: directory with MAFFT's alignments of what :func:`prepare_mafft` wrote.
        progress: called with (queries done, queries).

    Raises:
        InputError: an input is missing or does not fit the others.
        ToolError: a program is missing or has failed.
    """
    for program in ("cmbuild", "cmalign"):
        tools.require(program)
    if mafft is None and config.aligner == "xinsi":
        require_xinsi()
    if mafft is None and config.aligner == "linsi":
        tools.require("mafft")
    batch = _Batch(search, fasta, config, index)
    workers = max(1, min(config.threads, len(batch.queries)))
    each = max(1, config.threads // workers)

    with artefact_directory(out, overwrite=_own(out)) as directory:

        def one(query: Record) -> Quality:
            start, homologs = batch.start(query)
            place = directory / safe_name(query.id)
            place.mkdir()
            try:
                return align_query(
                    query,
                    start,
                    homologs,
                    place,
                    config,
                    hits=batch.passing(query),
                    mafft=mafft,
                    threads=each,
                )
            except ToolError as error:
                shutil.rmtree(place)
                problem = f"query {query.id!r}: {error.problem}"
                raise ToolError(error.tool, problem, remedy=error.remedy) from error

        rows: list[Quality] = []
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(one, query) for query in batch.queries]
            try:
                for future in futures:
                    rows.append(future.result())
                    if progress is not None:
                        progress(len(rows), len(futures))
            except BaseException:
                # What has not begun need not begin.
                pool.shutdown(cancel_futures=True)
                raise
        (directory / "msa.tsv").write_text(format_quality(rows), encoding="utf-8")
    return rows
