"""Making index bundles of sequences and their vectors; exact duplicates are indexed once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.bundle import Index
from rhoma.index.segment import Member, write_segment
from rhoma.manifest import IndexManifest, check_model, file_entries, write_manifest
from rhoma.sequences import Record, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from rhoma.store import EmbeddingStore

IndexKind = Literal["auto", "flat", "hnsw", "ivfpq"]
MMSEQS = "mmseqs"


def listed(stores: EmbeddingStore | Sequence[EmbeddingStore]) -> list[EmbeddingStore]:
    """Returns one store, or several, as a list."""
    from rhoma.store import EmbeddingStore

    return [stores] if isinstance(stores, EmbeddingStore) else list(stores)


def segment_path(directory: Path, number: int) -> Path:
    """Returns the directory of a segment by its number."""
    return directory / "segments" / f"{number:05d}"


def unique_sequences(records: Sequence[Record], known: dict[str, int], first: int) -> tuple[list[Record], list[Member]]:
    """Returns the sequences that are not known yet, and all names with the numbers of their sequences.

    Args:
        records: what comes in.
        known: numbers of the sequences already there, by digest; new ones are entered.
        first: number of the first new sequence.
    """
    unique: list[Record] = []
    members = []
    for record in records:
        key = digest(record.sequence)
        if key not in known:
            known[key] = first + len(unique)
            unique.append(record)
        members.append(Member(record.id, record.description, known[key]))
    return unique, members


def vectors_from(
    stores: Sequence[EmbeddingStore], records: Sequence[Record]
) -> Callable[[int, int], NDArray[np.float16]]:
    """Returns what gives the vectors of the plus-strand windows of records, numbered through.

    Raises:
        InputError: a record is in no store, or its vectors are those of another sequence.
    """
    owners: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.int64]] = []
    for record in records:
        number = next((n for n, store in enumerate(stores) if store.place(record.id) is not None), 0)
        store = stores[number]
        span = store.rows(record.id)
        if store.digests[store.place(record.id) or 0] != digest(record.sequence):
            raise InputError(
                f"holds vectors of {record.id!r}, but of another sequence than the FASTA file",
                path=store.path,
                remedy="embed the same FASTA file",
            )
        # The plus strand's rows come first.
        count = (span.stop - span.start) // (2 if store.manifest.strands == "both" else 1)
        rows.append(np.arange(span.start, span.start + count, dtype=np.int64))
        owners.append(np.full(count, number, dtype=np.int64))
    row = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    owner = np.concatenate([np.empty(0, dtype=np.int64), *owners])

    def take(start: int, end: int) -> NDArray[np.float16]:
        out = np.empty((end - start, stores[0].manifest.dimension), dtype=np.float16)
        for number, store in enumerate(stores):
            mine = owner[start:end] == number
            out[mine] = store.vectors[row[start:end][mine]]
        return out

    return take


def check_stores(stores: Sequence[EmbeddingStore], like: IndexManifest | None = None) -> None:
    """Raises ArtefactError unless all stores are of one model and shape: the index's, if there is one."""
    reference = like or stores[0].manifest
    for store in stores:
        check_model(store.manifest, store.path, reference.model.sha256, reference.model.name)
        mine = (store.manifest.window, store.manifest.stride, store.manifest.dimension)
        other = (reference.window, reference.stride, reference.dimension)
        if mine != other:
            raise ArtefactError(
                f"windows, stride and dimension are {mine}, not {other}",
                path=store.path,
                remedy="embed the sequences again with the same settings",
            )


def check_names(records: Sequence[Record], taken: Iterable[str] = ()) -> None:
    """Raises InputError where a name comes twice or is taken."""
    seen = set(taken)
    for record in records:
        if record.id in seen:
            raise InputError(
                "the name is in the index already",
                record=record.id,
                remedy="rename it, or delete the old one first",
            )
        seen.add(record.id)


def write_bundle(
    out: Path,
    base: IndexManifest,
    unique: Sequence[Record],
    members: Sequence[Member],
    take: Callable[[int, int], NDArray[np.float16]],
    mmseqs: Path | None | Literal[False],
) -> None:
    """Writes an index of one segment at ``out``; ``mmseqs`` None makes a database where MMseqs2 is there."""
    with artefact_directory(out) as work:
        directory = segment_path(work, 0)
        directory.mkdir(parents=True)
        segment = write_segment(
            directory,
            [record.id for record in unique],
            [record.sequence for record in unique],
            members,
            take,
            kind=base.index_kind,
            dimension=base.dimension,
            window=base.window,
            stride=base.stride,
        )
        prefix = None
        if mmseqs is None and mmseqs_database.available() and unique:
            prefix = mmseqs_database.create_database(unique, work / MMSEQS)
        elif mmseqs:
            prefix = mmseqs_database.copy_database(mmseqs, work / MMSEQS)
        lengths = [len(record.sequence) for record in unique]
        manifest = base.model_copy(
            update={
                "n_names": len(members),
                "n_sequences": len(unique),
                "n_windows": segment.n_windows,
                "n_residues": sum(lengths[member.sequence] for member in members),
                "segments": (segment,),
                "mmseqs": None if prefix is None else f"{MMSEQS}/{prefix}",
                "files": file_entries(work),
            }
        )
        write_manifest(work, manifest)


def build_index(
    records: Sequence[Record],
    stores: EmbeddingStore | Sequence[EmbeddingStore],
    out: Path | str,
    *,
    mmseqs: Path | None | Literal[False] = None,
    kind: IndexKind = "auto",
) -> Index:
    """Returns the index it has made at ``out``.

    Args:
        records: the database, with different ids.
        stores: their vectors, in one store or in several; records of other sequences are not touched.
        out: the directory to make.
        mmseqs: directory of an MMseqs2 database of the same sequences; None makes one where MMseqs2 is on
            PATH, False leaves it out.
        kind: the vector index; ``auto`` is flat below 100,000 windows and HNSW from there.

    Raises:
        InputError: a record is in no store or has changed since, a name comes twice, there are no records, or
            ``out`` cannot be written.
        ArtefactError: the stores were made with different models or settings.
    """
    parts = listed(stores)
    if not records or not parts:
        raise InputError("there is no sequence to index", remedy="give a database of at least one sequence")
    check_stores(parts)
    check_names(records)
    unique, members = unique_sequences(records, {}, 0)
    shape = parts[0].manifest
    base = IndexManifest(
        model=shape.model,
        index_kind=kind,
        dimension=shape.dimension,
        window=shape.window,
        stride=shape.stride,
        n_names=0,
        n_sequences=0,
        n_windows=0,
        n_residues=0,
        segments=(),
    )
    write_bundle(Path(out), base, unique, members, vectors_from(parts, unique), mmseqs)
    return Index.open(out, verify="size")
