"""A whole search without Nextflow: from two FASTA files to the directory of results.

It calls what the pipeline's tasks call, one batch of queries after the other, in a hidden directory beside the output
that takes its place when all is done. Each step leaves a directory that is whole or not there, so a run that was killed
goes on behind the last whole one.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from rhoma import infernal, tools
from rhoma.artifacts import MANIFEST, alone, artefact_directory, atomic_write
from rhoma.errors import InputError
from rhoma.index.build import index_database
from rhoma.index.bundle import Index
from rhoma.index.records import load_database
from rhoma.io.failed import FAILED, read_failed
from rhoma.io.hits import read_labels
from rhoma.io.skipped import SKIPPED_RECORDS
from rhoma.models.embedder import load_embedder
from rhoma.models.states import load_states
from rhoma.msa import aligners
from rhoma.msa.align import AlignConfig, align_batch
from rhoma.report.page import PageConfig
from rhoma.report.write import PAGE, write_report
from rhoma.run import place
from rhoma.run.parameters import parameters_of, sha256
from rhoma.search.families import annotate_search
from rhoma.search.inputs import read_queries, write_batches
from rhoma.search.outputs import log_troubles, write_results
from rhoma.search.searcher import Searcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rhoma.models.embedder import Embedder
    from rhoma.search.config import SearchConfig
    from rhoma.sequences import Record

    # name of a stage: what is told (done, total) while it lasts
    Stages = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

logger = logging.getLogger(__name__)

# What the results depend on besides queries, encoder and the settings of the search.
_FILES = ("database", "labels", "rfam_cm", "rfam_clanin")
_SETTINGS = ("strict", "aligner", "calibrate", "max_homologs", "batch_size")


@dataclass(frozen=True)
class SearchRun:
    """What a run searches, where, and how.

    Attributes:
        queries: FASTA or samplesheet.
        database: FASTA, or the directory of an index.
        out: Directory of the results.
        search: Settings of the search; ``threads`` holds for all steps.
        max_homologs: Most homologs in an alignment.
        aligner: What aligns homologs first (:class:`rhoma.msa.align.AlignConfig`); None leaves alignments out.
        calibrate: Whether covariance models get E-value parameters.
        labels: TSV of families and clans.
        rfam_cm: Models of known families; None asks about none.
        rfam_clanin: Their clans.
        rfam_hits: Hits of a query that are asked about, the best.
        model: Model bundle; None is the shipped one.
        model_dir: Directory of public models' weights.
        device: Where is embedded and, with one thread, searched.
        strict: Refuse a database with a record that cannot be used.
        save_index: Where the index of a FASTA database is kept; None forgets it.
        batch_size: Queries that are searched and aligned between two points at which a killed run can go on.
        overwrite: Replace the results of another search.
    """

    queries: Path
    database: Path
    out: Path
    search: SearchConfig
    max_homologs: int = 5_000
    aligner: aligners.Aligner | None = "auto"
    calibrate: bool = False
    labels: Path | None = None
    rfam_cm: Path | None = None
    rfam_clanin: Path | None = None
    rfam_hits: int = 10
    model: Path | None = None
    model_dir: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    strict: bool = False
    save_index: Path | None = None
    batch_size: int = 100
    overwrite: bool = False

    def run(self, stages: Stages) -> list[tuple[str, str]]:
        """Writes the results and returns (query, reason) of the queries that failed.

        The same call on results that are there already does nothing.

        Args:
            stages: Gives, for the name of a stage, what is told of its progress.

        Raises:
            InputError: The queries, the database, the labels or the models of families cannot be used, or ``out`` holds
                something else.
            ArtefactError: The index is damaged or was made with another model; another process writes to ``out``.
            ToolError: A program is missing or has failed.
        """
        self._check_tools()
        records, short = read_queries(self.queries)
        if self.labels is not None:
            read_labels(self.labels)
        embedder = load_embedder(self.model, device=self.device, threads=self.search.threads, model_dir=self.model_dir)
        if self.database.is_dir():
            Index.open(self.database, model_sha256=embedder.sha256)
        rfam_hits = None if self.rfam_cm is None else self.rfam_hits
        others = {name: getattr(self, name) for name in _SETTINGS} | {
            "queries": str(self.queries),
            "rfam_hits": rfam_hits,
        }
        files = {name: getattr(self, name) for name in _FILES}
        parameters = parameters_of(self.search, [*records, *short], embedder, files, others)
        if place.complete(self.out, parameters, overwrite=self.overwrite):
            if self.save_index is not None and not (self.save_index / MANIFEST).is_file():
                raise InputError(
                    "was not kept by the search that is complete",
                    path=self.save_index,
                    remedy="make it by 'rhoma index build', or give --overwrite",
                )
            logger.info("%s: is complete already", self.out)
            return read_failures(self.out)
        with (
            artefact_directory(self.out, resume=True, overwrite=self.overwrite) as work,
            alone(
                work, "is being written by another process", path=self.out, remedy="wait for it, or choose another name"
            ),
        ):
            scratch = place.begin(work, parameters)
            if not (work / PAGE).is_file():
                try:
                    if not (scratch / "prepared").is_dir():
                        write_batches(records, short, scratch / "prepared", batch_size=self.batch_size)
                    if self.rfam_cm is not None and not (scratch / "families").is_dir():
                        with artefact_directory(scratch / "families") as pressed:
                            infernal.press(self.rfam_cm, pressed)
                    index = self._index(scratch, embedder, stages)
                except InputError:
                    # there is nothing yet that would be worth to go on with
                    shutil.rmtree(work)
                    raise
                self._answer(work, scratch, records, index, embedder, stages)
            place.lay_out(work, scratch)
        return read_failures(self.out)

    def _check_tools(self) -> None:
        for program in ("cmbuild", "cmsearch") if self.search.effort != "fast" else ():
            tools.require(program)
        for program in ("cmpress", "cmscan") if self.rfam_cm is not None else ():
            tools.require(program)
        if self.aligner is not None:
            aligners.require(self.aligner, calibrate=self.calibrate)

    def _index(self, scratch: Path, embedder: Embedder, stages: Stages) -> Path:
        """Returns the index, which it makes of a FASTA database."""
        if self.database.is_dir():
            return self.database
        path = self.save_index or scratch / "index"
        made = scratch / "index.sha256"
        if made.is_file() and (path / MANIFEST).is_file() and made.read_text() == sha256(path / MANIFEST):
            return path
        records, skipped = load_database(self.database, strict=self.strict)
        with stages("windows embedded") as tell:
            index = index_database(records, embedder, path, skipped=skipped, threads=self.search.threads, progress=tell)
        counts = index.manifest
        logger.info(
            "%s: %d sequences, %d of them behind near copies, %d windows",
            self.database,
            counts.n_names,
            counts.n_represented,
            counts.n_windows,
        )
        if index.mmseqs is None:
            logger.warning("mmseqs is not on PATH: the index has no MMseqs2 database")
        with atomic_write(made) as draft:
            draft.write_text(sha256(path / MANIFEST))
        return path

    def _answer(
        self,
        work: Path,
        scratch: Path,
        records: Sequence[Record],
        index: Path,
        embedder: Embedder,
        stages: Stages,
    ) -> None:
        """Searches and aligns batch by batch, and writes the report."""
        batches = sorted((scratch / "prepared" / "batches").glob("*.fasta"))
        found = [scratch / f"{batch.stem}.search" for batch in batches]
        aligned = [scratch / f"{batch.stem}.aligned" for batch in batches] if self.aligner else []
        parts = [records[start : start + self.batch_size] for start in range(0, len(records), self.batch_size)]
        with stages("queries searched") as tell:
            self._search(list(zip(parts, found, strict=True)), index, embedder, tell)
        if self.rfam_cm is not None:
            with stages("batches annotated") as tell:
                found = self._annotated(batches, found, index, scratch / "families", tell)
        config = AlignConfig(
            evalue=self.search.evalue,
            max_homologs=self.max_homologs,
            aligner=self.aligner or "auto",
            calibrate=self.calibrate,
            threads=self.search.threads,
            seed=self.search.seed,
        )
        states = None
        if self.aligner == "embed":
            states = load_states(self.model, model_dir=self.model_dir, threads=self.search.threads)
        with stages("queries aligned") as tell:
            done = 0
            for part, batch, search, msa in zip(parts, batches, found, aligned, strict=False):
                if not msa.is_dir():
                    told = partial(_told, tell, done, len(records))
                    align_batch(search, batch, msa, config, index=index, states=states, progress=told)
                done += len(part)
        left_out = index / SKIPPED_RECORDS
        run = write_report(
            found,
            aligned,
            work,
            PageConfig(evalue=self.search.evalue),
            fasta=batches,
            skipped=[scratch / "prepared" / "skipped.tsv"],
            left_out=left_out if left_out.is_file() else None,
            parameters=work / place.PARAMETERS,
            versions=work / place.VERSIONS,
        )
        homologs = sum(bool(query.passing(self.search.evalue)) for query in run.queries)
        logger.info(
            "%s: %d queries, %d with homologs (E-value up to %g)",
            self.out,
            len(run.queries),
            homologs,
            self.search.evalue,
        )

    def _search(
        self,
        batches: Sequence[tuple[Sequence[Record], Path]],
        index: Path,
        embedder: Embedder,
        tell: Callable[[int, int], None],
    ) -> None:
        """Writes what is found for each batch that has no such directory yet."""
        labels = None if self.labels is None else read_labels(self.labels)
        total, done = sum(len(records) for records, _ in batches), 0
        with Searcher.open(index, embedder=embedder, device=self.device) as searcher:
            for records, directory in batches:
                if not directory.is_dir():
                    anchors = searcher.anchors(records, threads=self.search.threads)
                    told = partial(_told, tell, done, total)
                    results = searcher.search(records, self.search, anchors=anchors, progress=told)
                    write_results(directory, results, labels=labels, evalue=self.search.evalue)
                    log_troubles(results)
                done += len(records)

    def _annotated(
        self,
        batches: Sequence[Path],
        found: Sequence[Path],
        index: Path,
        pressed: Path,
        tell: Callable[[int, int], None],
    ) -> list[Path]:
        """Returns directories of what was found, with its known families; those that are there are not made again."""
        annotated = [search.with_suffix(".annotated") for search in found]
        for done, (batch, search, out) in enumerate(zip(batches, found, annotated, strict=True)):
            if not out.is_dir():
                annotate_search(
                    search,
                    batch,
                    index,
                    pressed,
                    out,
                    clans=self.rfam_clanin,
                    most=self.rfam_hits,
                    evalue=self.search.evalue,
                    threads=self.search.threads,
                )
            tell(done + 1, len(batches))
        return annotated


def read_failures(out: Path) -> list[tuple[str, str]]:
    """Returns (query, reason) of the queries that failed, by the results in a directory."""
    return read_failed(out / FAILED) if (out / FAILED).is_file() else []


def _told(tell: Callable[[int, int], None], before: int, total: int, done: int, _: int) -> None:
    """Tells how many of all queries are done, where a batch tells of its own."""
    tell(before + done, total)
