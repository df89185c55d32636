"""Making an index in parallel tasks: split the database, embed and index each shard alone, join by a manifest.

* ``split`` clusters near copies over the whole database, so that none crosses shards, and writes the sequences
  of each shard as they will lie in its segment; the windows that a codebook is trained with lie beside them.
* ``train_codebook`` is for all shards, so that their segments are searched alike.
* ``make_segment`` needs one shard, its vectors and the codebook: shards are made in any order, and again alone.
* ``join.join`` links the finished segments under one manifest; nothing is copied.

One shard or many hold the same sequences and windows under the same numbers, so they give the same answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from rhoma.artifacts import MANIFEST, artefact_directory, link
from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.approximate import Codebook
from rhoma.index.build import (
    MMSEQS,
    IndexKind,
    choose_kind,
    named,
    representing,
    sample_rows,
    segment_path,
)
from rhoma.index.contents import arrange, check_names
from rhoma.index.letters import Letters
from rhoma.index.names import Names
from rhoma.index.rows import Rows
from rhoma.index.segment import describe, write_contents, write_vectors
from rhoma.index.vectors import StoredVectors, as_list, check_stores
from rhoma.io.fasta import write_fasta
from rhoma.io.skipped import SKIPPED_RECORDS, write_skipped
from rhoma.manifest import (
    Count,
    Manifest,
    ModelReference,
    Positive,
    Representation,
    SegmentInfo,
    Sha256,
    file_entries,
    read_manifest,
    sha256_file,
    verify_files,
    write_manifest,
)
from rhoma.sequences import NUCLEOTIDES, Record
from rhoma.windows import count_windows, tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rhoma.index.contents import Contents
    from rhoma.io.fasta import Skipped
    from rhoma.store import EmbeddingStore

REPRESENTATIVES = "representatives.fasta"
SAMPLE = "sample.fasta"
# Windows of a shard: some minutes of embedding.
SHARD_WINDOWS = 500_000


class ShardsManifest(Manifest):
    """Manifest of a database that was split.

    Attributes:
        index_kind: the vector index that was asked for.
        chosen: the one that fits the number of windows; other than ``flat`` it needs a codebook.
        shards: names of the shards, in order.
    """

    kind: Literal["shards"] = "shards"
    index_kind: IndexKind
    chosen: Literal["flat", "pq", "hnsw", "ivfpq"]
    representation: Representation
    window: Positive
    stride: Positive
    n_names: Count
    n_sequences: Count
    n_represented: Count
    n_windows: Count
    n_residues: Count
    shards: tuple[str, ...]
    mmseqs: str | None = None


class CodebookManifest(Manifest):
    """Manifest of a codebook."""

    kind: Literal["codebook"] = "codebook"
    for_kind: Literal["pq", "hnsw", "ivfpq"]
    model: ModelReference
    dimension: Positive


class SegmentManifest(Manifest):
    """Manifest of a segment that is not in an index yet.

    Attributes:
        info: its entry in an index.
        codebook: sha256 of the manifest of the codebook it was made with.
    """

    SCHEMA_VERSION: ClassVar[int] = 1
    kind: Literal["segment"] = "segment"
    info: SegmentInfo
    model: ModelReference
    dimension: Positive
    window: Positive
    stride: Positive
    codebook: Sha256 | None


def split(
    records: Sequence[Record],
    out: Path | str,
    *,
    window: int,
    stride: int,
    kind: IndexKind = "auto",
    mmseqs: bool = True,
    representatives: bool = True,
    shard_windows: int = SHARD_WINDOWS,
    skipped: Sequence[Skipped] = (),
    threads: int = 1,
) -> ShardsManifest:
    """Returns the manifest of the shards it has made of a database.

    Args:
        records: the database, with different ids.
        out: the directory to make.
        window: length of a window of the model.
        stride: distance of windows.
        kind: the vector index.
        mmseqs: make an MMseqs2 database and look for near copies, where MMseqs2 is on PATH.
        representatives: look for near copies.
        shard_windows: windows of a shard, about.
        skipped: records that were left out of the database, for its table.
        threads: for MMseqs2.

    Raises:
        InputError: a name comes twice, there are no records, or ``out`` cannot be written.
    """
    if not records:
        raise InputError("there is no sequence to index", remedy="give a database of at least one sequence")
    check_names(records)
    with artefact_directory(out) as work:
        represent, how = representing(
            representatives, None if mmseqs else False, unaligned=stride, threads=threads, work=work
        )
        contents = arrange(records, represent)
        total = int(count_windows(contents.lengths[contents.indexed], window, stride).sum())
        ids = []
        for number, part in enumerate(contents.parts(shard_windows, window, stride)):
            directory = segment_path(work, number)
            directory.mkdir(parents=True)
            write_contents(directory, part)
            numbered = (Record(str(number), "", part.sequences[number]) for number in part.indexed.tolist())
            write_fasta(directory / REPRESENTATIVES, numbered, width=None)
            ids.append(directory.name)
        chosen = choose_kind(kind, total)
        if chosen != "flat":
            write_fasta(work / SAMPLE, _sample(contents, window, stride), width=None)
        prefix = None
        if mmseqs and mmseqs_database.available():
            prefix = mmseqs_database.create_database(named(contents), work / MMSEQS)
        manifest = ShardsManifest(
            index_kind=kind,
            chosen=chosen,
            representation=how,
            window=window,
            stride=stride,
            n_names=len(contents.members),
            n_sequences=len(contents.sequences),
            n_represented=contents.copies.shape[1],
            n_windows=total,
            n_residues=contents.residues,
            shards=tuple(ids),
            mmseqs=None if prefix is None else f"{MMSEQS}/{prefix}",
            files=file_entries(work),
        )
        write_skipped(work / SKIPPED_RECORDS, skipped)
        write_manifest(work, manifest)
    return manifest


def _sample(contents: Contents, window: int, stride: int) -> Iterator[Record]:
    """Gives the windows that a codebook is trained with, those of no nucleotide left out."""
    indexed = contents.indexed
    table = tile(contents.lengths[indexed], window, stride)
    for row in sample_rows(len(table)).tolist():
        sequence = contents.sequences[int(indexed[table.sequence[row]])]
        letters = sequence[int(table.start[row]) : int(table.end[row])]
        if any(letter in NUCLEOTIDES for letter in letters):
            yield Record(str(row), "", letters)


def train_codebook(
    shards: Path | str,
    stores: EmbeddingStore | Sequence[EmbeddingStore],
    out: Path | str,
) -> CodebookManifest:
    """Returns the manifest of the codebook it has made of the vectors of the sample.

    Args:
        shards: the directory that `split` has made.
        stores: the vectors of its ``sample.fasta``.
        out: the directory to make.

    Raises:
        InputError: the shards need no codebook, or the stores are empty.
        ArtefactError: the shards are damaged, or the stores are of several models.
    """
    plan = read_manifest(shards, ShardsManifest)
    parts = as_list(stores)
    check_stores(parts)
    if plan.chosen == "flat":
        raise InputError("needs no codebook: so few windows are searched exactly", path=shards)
    if not any(len(store.names) for store in parts):
        raise InputError("there is no window to train with", path=parts[0].path, remedy="embed sample.fasta")
    vectors = np.concatenate([store.vectors[store.plus_rows(p)] for store in parts for p in range(len(store.names))])
    rows = Rows.of(vectors)
    codebook = Codebook.train(plan.chosen, rows.take(np.arange(len(rows))), plan.n_windows)
    with artefact_directory(out) as work:
        codebook.write(work)
        model, dimension = parts[0].manifest.model, parts[0].manifest.dimension
        manifest = CodebookManifest(for_kind=plan.chosen, model=model, dimension=dimension, files=file_entries(work))
        write_manifest(work, manifest)
    return manifest


def make_segment(
    shard: Path | str,
    stores: EmbeddingStore | Sequence[EmbeddingStore],
    out: Path | str,
    *,
    codebook: Path | str | None = None,
) -> SegmentManifest:
    """Returns the manifest of the segment it has made of one shard.

    Args:
        shard: a directory of ``segments`` that `split` has made.
        stores: the vectors of its ``representatives.fasta``.
        out: the directory to make.
        codebook: the directory that `train_codebook` has made; None for exact search.

    Raises:
        InputError: a sequence is in no store.
        ArtefactError: stores and codebook are of different models, or the codebook is damaged.
    """
    shard = Path(shard)
    parts = as_list(stores)
    check_stores(parts)
    shape = parts[0].manifest
    book, fingerprint = None, None
    if codebook is not None:
        book, fingerprint = _open_codebook(Path(codebook), shape.model)
    lengths = np.load(shard / "lengths.npy")
    copies = np.load(shard / "copies.npy")
    letters = Letters(shard, np.cumsum(lengths, dtype=np.int64))
    indexed = np.setdiff1d(np.arange(len(lengths)), copies[1])
    names, members = Names(shard), np.load(shard / "members.npy")
    vectors = StoredVectors(
        parts,
        (
            (names[int(np.searchsorted(members, number))], letters.fetch(number, 0, int(lengths[number])))
            for number in indexed.tolist()
        ),
    )
    with artefact_directory(out) as work:
        for path in sorted(shard.iterdir()):
            if path.name != REPRESENTATIVES:
                link(path, work / path.name)
        write_vectors(work, vectors.quantised, len(vectors), shape.dimension, book)
        manifest = SegmentManifest(
            info=describe(work, shard.resolve().name, n_windows=len(vectors), codebook=book),
            model=shape.model,
            dimension=shape.dimension,
            window=shape.window,
            stride=shape.stride,
            codebook=fingerprint,
            files=file_entries(work),
        )
        write_manifest(work, manifest)
    return manifest


def _open_codebook(path: Path, model: ModelReference) -> tuple[Codebook, str]:
    """Returns a codebook and the sha256 of its manifest."""
    manifest = read_manifest(path, CodebookManifest)
    verify_files(path, manifest)
    if manifest.model != model:
        raise ArtefactError(
            f"was made with model {manifest.model.name}, not with {model.name}",
            path=path,
            remedy="embed the sample and the shards with the same model",
        )
    return Codebook.read(path, manifest.for_kind), sha256_file(path / MANIFEST)
