"""Making index bundles in one process; ``shards`` makes them in parallel tasks."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.artifacts import artefact_directory
from rhoma.errors import InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.approximate import Codebook
from rhoma.index.bundle import Index
from rhoma.index.contents import arrange, check_names, itself
from rhoma.index.representatives import COVERAGE, IDENTITY, near_copies
from rhoma.index.rows import Rows
from rhoma.index.segment import describe, write_contents, write_vectors
from rhoma.index.vectors import StoredVectors, as_list, check_stores
from rhoma.io.skipped import SKIPPED_RECORDS, write_skipped
from rhoma.manifest import (
    CodebookInfo,
    IndexManifest,
    Representation,
    file_entries,
    write_manifest,
)
from rhoma.sequences import Record
from rhoma.store import EmbeddingStore, write_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rhoma.index.contents import Contents
    from rhoma.index.protocol import Kind
    from rhoma.io.fasta import Skipped
    from rhoma.manifest import FileEntry
    from rhoma.models.embedder import Embedder

logger = logging.getLogger(__name__)

IndexKind = Literal["auto", "flat", "pq", "hnsw", "ivfpq"]
MMSEQS = "mmseqs"
CODEBOOK = "codebook"
# Below so many windows comparing all is as fast.
PQ_FROM = 8_192
# Windows that a codebook is trained with.
SAMPLE = 65_536


def segment_path(directory: Path, number: int) -> Path:
    """Returns the directory of a segment by its number."""
    return directory / "segments" / f"{number:05d}"


def choose_kind(wanted: IndexKind, n_windows: int) -> Kind:
    """Returns the kind for so many windows: ``auto`` is flat below 8,192 and pq from there."""
    if not n_windows:
        return "flat"
    if wanted == "auto":
        return "flat" if n_windows < PQ_FROM else "pq"
    return wanted


def sample_rows(n_windows: int) -> NDArray[np.int64]:
    """Returns the numbers of the windows that a codebook is trained with, ascending."""
    if n_windows <= SAMPLE:
        return np.arange(n_windows, dtype=np.int64)
    return np.sort(np.random.default_rng(0).choice(n_windows, SAMPLE, replace=False)).astype(np.int64)


def representing(
    wanted: bool, mmseqs: Path | None | Literal[False], *, unaligned: int, threads: int, work: Path
) -> tuple[Callable[[list[str]], NDArray[np.int64]], Representation]:
    """Returns what finds near copies, and how: by MMseqs2 where that is wanted and there."""
    if not wanted or mmseqs is False:
        return itself, Representation(method="none")
    if not mmseqs_database.available():
        logger.warning("mmseqs is not on PATH: near copies are not looked for, only exact ones are indexed once")
        return itself, Representation(method="none")
    how = Representation(method="mmseqs", identity=IDENTITY, coverage=COVERAGE, unaligned=unaligned)
    return partial(near_copies, unaligned=unaligned, threads=threads, work=work), how


def named(contents: Contents) -> Iterator[tuple[str, str]]:
    """Gives the sequences that have windows, in order, each with its first name."""
    names: dict[int, str] = {}
    for member in contents.members:
        names.setdefault(member.sequence, member.name)
    return ((names[number], contents.sequences[number]) for number in contents.indexed.tolist())


def build_index(
    records: Sequence[Record],
    stores: EmbeddingStore | Sequence[EmbeddingStore],
    out: Path | str,
    *,
    mmseqs: Path | None | Literal[False] = None,
    kind: IndexKind = "auto",
    representatives: bool = True,
    skipped: Sequence[Skipped] = (),
    threads: int = 1,
) -> Index:
    """Returns the index it has made at ``out`` of a database and its vectors.

    Args:
        records: the database, with different ids.
        stores: their vectors, in one store or in several; those of near copies may be missing, and records of other
            sequences are not touched.
        out: the directory to make.
        mmseqs: directory of an MMseqs2 database of the same sequences; None makes one where MMseqs2 is on
            PATH, False does without MMseqs2.
        kind: the vector index; ``auto`` is flat below 8,192 windows and pq from there.
        representatives: index near copies by one of them, where MMseqs2 is on PATH.
        skipped: records that were left out of the database, for its table.
        threads: for MMseqs2.

    Raises:
        InputError: a record is in no store or has changed since, a name comes twice, there are no records, or
            ``out`` cannot be written.
        ArtefactError: the stores were made with different models or settings.
    """
    parts = as_list(stores)
    if not records or not parts:
        raise InputError("there is no sequence to index", remedy="give a database of at least one sequence")
    check_stores(parts)
    check_names(records)
    with artefact_directory(out) as work:
        represent, how = representing(
            representatives, mmseqs, unaligned=parts[0].manifest.stride, threads=threads, work=work
        )
        write_skipped(work / SKIPPED_RECORDS, skipped)
        _write(work, arrange(records, represent), parts, how, mmseqs=mmseqs, kind=kind)
    return Index.open(out)


def index_database(
    records: Sequence[Record],
    embedder: Embedder,
    out: Path | str,
    *,
    mmseqs: Path | None | Literal[False] = None,
    kind: IndexKind = "auto",
    representatives: bool = True,
    skipped: Sequence[Skipped] = (),
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Returns the index it has made at ``out`` of a database, which it embeds: representatives only.

    Vectors lie in a hidden directory beside ``out`` until the index is whole, so a run that was killed goes on where
    it stopped.

    Args:
        records: see `build_index`.
        embedder: the model.
        out: see `build_index`.
        mmseqs: see `build_index`.
        kind: see `build_index`.
        representatives: see `build_index`.
        skipped: see `build_index`.
        threads: see `build_index`.
        progress: called with (windows embedded, windows in all).

    Raises:
        InputError: a name comes twice, there are no records, or ``out`` cannot be written.
    """
    if not records:
        raise InputError("there is no sequence to index", remedy="give a database of at least one sequence")
    check_names(records)
    vectors = Path(out).absolute().parent / f".{Path(out).name}.vectors"
    with artefact_directory(out) as work:
        represent, how = representing(representatives, mmseqs, unaligned=embedder.stride, threads=threads, work=work)
        contents = arrange(records, represent)
        indexed = [Record(name, "", sequence) for name, sequence in named(contents)]
        store = write_store(vectors, indexed, embedder, progress=progress)
        write_skipped(work / SKIPPED_RECORDS, skipped)
        _write(work, contents, [store], how, mmseqs=mmseqs, kind=kind)
    shutil.rmtree(vectors, ignore_errors=True)
    return Index.open(out)


def _write(
    work: Path,
    contents: Contents,
    stores: Sequence[EmbeddingStore],
    how: Representation,
    *,
    mmseqs: Path | None | Literal[False],
    kind: IndexKind,
) -> None:
    """Writes an index of one segment into a directory."""
    shape = stores[0].manifest
    vectors = StoredVectors(stores, named(contents))
    chosen = choose_kind(kind, len(vectors))
    codebook = None
    if chosen != "flat":
        sample = Rows.of(vectors.take(sample_rows(len(vectors))))
        codebook = Codebook.train(chosen, sample.take(np.arange(len(sample))), len(vectors))
    directory = segment_path(work, 0)
    directory.mkdir(parents=True)
    write_contents(directory, contents)
    write_vectors(directory, vectors.quantised, len(vectors), shape.dimension, codebook)
    prefix = None
    if mmseqs is None and mmseqs_database.available():
        prefix = mmseqs_database.create_database(named(contents), work / MMSEQS)
    elif mmseqs:
        prefix = mmseqs_database.copy_database(mmseqs, work / MMSEQS)
    info = describe(directory, directory.name, n_windows=len(vectors), codebook=codebook)
    manifest = IndexManifest(
        model=shape.model,
        index_kind=kind,
        representation=how,
        dimension=shape.dimension,
        window=shape.window,
        stride=shape.stride,
        n_names=info.n_names,
        n_sequences=info.n_sequences,
        n_represented=info.n_represented,
        n_windows=info.n_windows,
        n_residues=contents.residues,
        segments=(info,),
        codebook=write_codebook(work, codebook),
        mmseqs=None if prefix is None else f"{MMSEQS}/{prefix}",
    )
    write_manifest(work, manifest.model_copy(update={"files": index_files(work)}))


def index_files(work: Path) -> dict[str, FileEntry]:
    """Returns the files of an index but the table of what was left out, which grows in place."""
    return {name: entry for name, entry in file_entries(work).items() if name != SKIPPED_RECORDS}


def write_codebook(work: Path, codebook: Codebook | None) -> CodebookInfo | None:
    """Returns the manifest's entry of a codebook, which it writes into an index."""
    if codebook is None or codebook.kind == "flat":
        return None
    # one that a killed process has left
    shutil.rmtree(work / CODEBOOK, ignore_errors=True)
    (work / CODEBOOK).mkdir()
    codebook.write(work / CODEBOOK)
    return CodebookInfo(kind=codebook.kind, path=CODEBOOK)
