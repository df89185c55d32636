"""Changing index bundles: add a segment, delete names, compact, verify.

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
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.build import (
    MMSEQS,
    check_names,
    check_stores,
    listed,
    segment_path,
    unique_sequences,
    vectors_from,
    write_bundle,
)
from rhoma.index.bundle import Index
from rhoma.index.segment import Member, write_segment
from rhoma.manifest import (
    IndexManifest,
    SegmentInfo,
    file_entries,
    read_manifest,
    verify_files,
    write_manifest,
)
from rhoma.sequences import Record, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rhoma.store import EmbeddingStore

logger = logging.getLogger(__name__)


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


def _commit(path: Path, manifest: IndexManifest, segments: Sequence[SegmentInfo], *, sequences_changed: bool) -> None:
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
            name = f"{MMSEQS}.{generation}"
            shutil.rmtree(path / name, ignore_errors=True)
            prefix = f"{name}/{mmseqs_database.create_database(_live_records(index), path / name)}"
        else:
            logger.warning("mmseqs is not on PATH: the MMseqs2 database no longer fits the index and is removed")
    lengths = index.lengths
    members = list(index.live_members())
    kept = [segment.tombstones for segment in segments if segment.tombstones is not None]
    folders = [f"segments/{segment.id}" for segment in segments] + ([prefix.split("/")[0]] if prefix else [])
    names = [
        file.relative_to(path).as_posix()
        for folder in folders
        for file in (path / folder).rglob("*")
        if file.is_file() and (not file.name.startswith("tombstones.") or file.relative_to(path).as_posix() in kept)
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
    parts = listed(stores)
    if not records or not parts:
        raise InputError("there is no sequence to add", remedy="give at least one sequence")
    with _locked(path):
        index = Index.open(path)
        manifest = index.manifest
        check_stores(parts, manifest)
        check_names(records, (member.name for member in index.live_members()))
        known = {digest(index.fetch(number)): number for number in range(index.n_sequences)}
        unique, members = unique_sequences(records, known, index.n_sequences)
        number = 1 + max((int(segment.id) for segment in manifest.segments), default=-1)
        directory = segment_path(path, number)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        segment = write_segment(
            directory,
            [record.id for record in unique],
            [record.sequence for record in unique],
            members,
            vectors_from(parts, unique),
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
            raise InputError(f"has no sequence named {shown}", path=path, remedy="see the names in its FASTA files")
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
            Member(member.name, member.description, int(place[member.sequence])) for member in index.live_members()
        ]
        sequence, _, _ = index.windows(np.arange(index.n_windows))
        rows = np.flatnonzero(place[sequence] >= 0)
        base = manifest.model_copy(update={"generation": manifest.generation + 1})

        def take(start: int, end: int) -> NDArray[np.float16]:
            return index.vectors(rows[start:end]).astype(np.float16)

        write_bundle(path, base, unique, members, take, None if manifest.mmseqs else False)
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
