"""Making and changing index bundles: build, add a segment, delete names, compact, verify.

Every change ends with the renaming of a new manifest: until then the old index is what readers see. Files are
never changed in place; those the new manifest does not name are removed afterwards.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.bundle import Index
from rhoma.index.segment import Member, write_segment
from rhoma.manifest import (
    IndexManifest,
    SegmentInfo,
    artefact_directory,
    check_model,
    file_entries,
    read_manifest,
    verify_files,
    write_manifest,
)
from rhoma.sequences import Record, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rhoma.store import EmbeddingStore

logger = logging.getLogger(__name__)

IndexKind = Literal["auto", "flat", "hnsw", "ivfpq"]
_MMSEQS = "mmseqs"


def _listed(stores: EmbeddingStore | Sequence[EmbeddingStore]) -> list[EmbeddingStore]:
    from rhoma.store import EmbeddingStore

    return [stores] if isinstance(stores, EmbeddingStore) else list(stores)


def _segment_path(directory: Path, number: int) -> Path:
    return directory / "segments" / f"{number:05d}"


def _unique(
    records: Sequence[Record], known: dict[str, int], first: int
) -> tuple[list[Record], list[Member]]:
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


def _vectors_from(
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


def _check_stores(stores: Sequence[EmbeddingStore], like: IndexManifest | None = None) -> None:
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


def _check_names(records: Sequence[Record], taken: Iterable[str] = ()) -> None:
    seen = set(taken)
    for record in records:
        if record.id in seen:
            raise InputError(
                "the name is in the index already",
                record=record.id,
                remedy="rename it, or delete the old one first",
            )
        seen.add(record.id)


def _write_bundle(
    out: Path,
    base: IndexManifest,
    unique: Sequence[Record],
    members: Sequence[Member],
    take: Callable[[int, int], NDArray[np.float16]],
    mmseqs: Path | None | Literal[False],
) -> None:
    """Writes an index of one segment at ``out``; ``mmseqs`` None makes a database where MMseqs2 is there."""
    with artefact_directory(out) as work:
        directory = _segment_path(work, 0)
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
            prefix = mmseqs_database.create_database(unique, work / _MMSEQS)
        elif mmseqs:
            prefix = mmseqs_database.copy_database(mmseqs, work / _MMSEQS)
        lengths = [len(record.sequence) for record in unique]
        manifest = base.model_copy(
            update={
                "n_names": len(members),
                "n_sequences": len(unique),
                "n_windows": segment.n_windows,
                "n_residues": sum(lengths[member.sequence] for member in members),
                "segments": (segment,),
                "mmseqs": None if prefix is None else f"{_MMSEQS}/{prefix}",
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
    parts = _listed(stores)
    if not records or not parts:
        raise InputError("there is no sequence to index", remedy="give a database of at least one sequence")
    _check_stores(parts)
    _check_names(records)
    unique, members = _unique(records, {}, 0)
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
    _write_bundle(Path(out), base, unique, members, _vectors_from(parts, unique), mmseqs)
    return Index.open(out, verify="size")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the only right to change an index.

    Raises:
        ArtefactError: another process has it.
    """
    read_manifest(path, IndexManifest)
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtefactError(
                "is being changed by another process", path=path, remedy="wait until that one has finished"
            ) from None
        yield
    finally:
        os.close(handle)


def _live_records(index: Index) -> Iterator[Record]:
    """Gives the live unique sequences under their first names."""
    for number in index.live_sequences.tolist():
        yield Record(index.names[number], "", index.fetch(number))


def _commit(
    path: Path, manifest: IndexManifest, segments: Sequence[SegmentInfo], *, sequences_changed: bool
) -> None:
    """Writes the manifest of a changed index, with its counts and MMseqs2 database; removes old files."""
    generation = manifest.generation + 1
    draft = manifest.model_copy(
        update={
            "segments": tuple(segments),
            "generation": generation,
            "n_windows": sum(s.n_windows for s in segments),
        }
    )
    index = Index(path, draft)
    prefix = manifest.mmseqs
    if prefix is not None and sequences_changed:
        prefix = None
        if mmseqs_database.available():
            name = f"{_MMSEQS}.{generation}"
            shutil.rmtree(path / name, ignore_errors=True)
            prefix = f"{name}/{mmseqs_database.create_database(_live_records(index), path / name)}"
        else:
            logger.warning(
                "mmseqs is not on PATH: the MMseqs2 database no longer fits the index and is removed"
            )
    lengths = index.lengths
    members = list(index.live_members())
    kept = [segment.tombstones for segment in segments if segment.tombstones is not None]
    folders = [f"segments/{segment.id}" for segment in segments] + ([prefix.split("/")[0]] if prefix else [])
    names = [
        file.relative_to(path).as_posix()
        for folder in folders
        for file in (path / folder).rglob("*")
        if file.is_file()
        and (not file.name.startswith("tombstones.") or file.relative_to(path).as_posix() in kept)
    ]
    fresh = file_entries(path, [name for name in names if name not in manifest.files])
    files = {name: manifest.files.get(name) or fresh[name] for name in sorted(names)}
    final = draft.model_copy(
        update={
            "n_names": len(members),
            "n_sequences": len(index.live_sequences),
            "n_residues": int(sum(int(lengths[member.sequence]) for member in members)),
            "mmseqs": prefix,
            "files": files,
        }
    )
    write_manifest(path, final)
    for name in manifest.files:
        if name not in files:
            (path / name).unlink(missing_ok=True)
    if manifest.mmseqs is not None and manifest.mmseqs != prefix:
        shutil.rmtree((path / manifest.mmseqs).parent, ignore_errors=True)


def add_segment(
    path: Path | str, records: Sequence[Record], stores: EmbeddingStore | Sequence[EmbeddingStore]
) -> Index:
    """Returns the index after adding sequences as a new segment; known sequences only gain a name.

    The MMseqs2 database is made again (or removed, with a warning, where MMseqs2 is not on PATH).

    Raises:
        InputError: a name is in the index already, or a record is in no store.
        ArtefactError: the index is damaged, was made with another model, or is being changed.
    """
    path = Path(path)
    parts = _listed(stores)
    if not records or not parts:
        raise InputError("there is no sequence to add", remedy="give at least one sequence")
    with _locked(path):
        index = Index.open(path)
        manifest = index.manifest
        _check_stores(parts, manifest)
        _check_names(records, (member.name for member in index.live_members()))
        known = {digest(index.fetch(number)): number for number in range(index.n_sequences)}
        unique, members = _unique(records, known, index.n_sequences)
        number = 1 + max((int(segment.id) for segment in manifest.segments), default=-1)
        directory = _segment_path(path, number)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        segment = write_segment(
            directory,
            [record.id for record in unique],
            [record.sequence for record in unique],
            members,
            _vectors_from(parts, unique),
            kind=manifest.index_kind,
            dimension=manifest.dimension,
            window=manifest.window,
            stride=manifest.stride,
        )
        _commit(path, manifest, [*manifest.segments, segment], sequences_changed=True)
    return Index.open(path, verify="size")


def delete(path: Path | str, names: Iterable[str]) -> Index:
    """Returns the index after hiding names; a sequence without a live name is no longer found.

    Raises:
        InputError: a name is not in the index.
        ArtefactError: the index is damaged or is being changed.
    """
    path = Path(path)
    with _locked(path):
        index = Index.open(path)
        manifest = index.manifest
        wanted = set(names)
        live = {member.name for member in index.live_members()}
        missing = sorted(wanted - live)
        if missing:
            shown = ", ".join(repr(name) for name in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(
                f"has no sequence named {shown}", path=path, remedy="see the names in its FASTA files"
            )
        # The MMseqs2 database knows a sequence by its first name only.
        renamed = any(
            copies[0] in wanted and not wanted.issuperset(copies)
            for copies in map(index.copies, index.live_sequences.tolist())
        )
        segments = []
        for segment in index.segments:
            held = {member.name for member in segment.members} - segment.deleted
            if not held & wanted:
                segments.append(segment.info)
                continue
            tombstones = f"segments/{segment.info.id}/tombstones.{manifest.generation + 1}"
            gone = sorted(segment.deleted | (held & wanted))
            (path / tombstones).write_text("".join(f"{name}\n" for name in gone), encoding="utf-8")
            segments.append(segment.info.model_copy(update={"tombstones": tombstones}))
        _commit(path, manifest, segments, sequences_changed=renamed)
    return Index.open(path, verify="size")


def compact(path: Path | str) -> Index:
    """Returns the index after rewriting it as one segment without deleted sequences.

    Raises:
        ArtefactError: the index is damaged or is being changed.
    """
    path = Path(path)
    with _locked(path):
        index = Index.open(path, verify="full")
        manifest = index.manifest
        numbers = index.live_sequences
        place = np.full(index.n_sequences, -1, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        unique = list(_live_records(index))
        members = [
            Member(member.name, member.description, int(place[member.sequence]))
            for member in index.live_members()
        ]
        sequence, _, _ = index.windows(np.arange(index.n_windows))
        rows = np.flatnonzero(place[sequence] >= 0)
        base = manifest.model_copy(update={"generation": manifest.generation + 1})

        def take(start: int, end: int) -> NDArray[np.float16]:
            return index.vectors(rows[start:end]).astype(np.float16)

        _write_bundle(path, base, unique, members, take, None if manifest.mmseqs else False)
    return Index.open(path, verify="size")


def verify(path: Path | str) -> IndexManifest:
    """Returns the manifest of an index whose files all match it.

    Raises:
        ArtefactError: the index is damaged; the message names the first file that is.
    """
    path = Path(path)
    manifest = read_manifest(path, IndexManifest)
    verify_files(path, manifest)
    index = Index(path, manifest)
    live = list(index.live_members())
    lengths = index.lengths
    counted = (len(live), len(index.live_sequences), sum(int(lengths[member.sequence]) for member in live))
    if counted != (manifest.n_names, manifest.n_sequences, manifest.n_residues):
        raise ArtefactError("the counts in the manifest are not those of its files", path=path)
    return manifest
