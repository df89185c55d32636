"""Changing index bundles: add a segment, delete names, compact, verify.

Every change ends with the renaming of a new manifest, or of a whole new index: until then the old one is what readers
see. Files are never changed in place; those the new manifest does not name are removed afterwards.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.approximate import Codebook
from rhoma.index.build import (
    MMSEQS,
    StoredVectors,
    as_list,
    check_stores,
    choose_kind,
    index_files,
    named,
    sample_rows,
    segment_path,
    write_codebook,
)
from rhoma.index.bundle import Index
from rhoma.index.contents import Contents, Member, arrange, check_names, itself
from rhoma.index.representatives import assign, near_copies
from rhoma.index.segment import describe, short_digest, write_contents, write_vectors
from rhoma.io.skipped import SKIPPED_RECORDS
from rhoma.manifest import IndexManifest, file_entries, read_manifest, verify_files, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from rhoma.manifest import SegmentInfo
    from rhoma.sequences import Record
    from rhoma.store import EmbeddingStore


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


def _without_mmseqs(manifest: IndexManifest, mmseqs: bool) -> IndexManifest:
    """Returns the manifest without MMseqs2's database where that is to go.

    Raises:
        ToolError: it is to stay, and MMseqs2 is missing.
    """
    if not mmseqs:
        return manifest.model_copy(update={"mmseqs": None})
    if manifest.mmseqs is not None:
        tools.require("mmseqs")
    return manifest


def _commit(path: Path, manifest: IndexManifest, segments: Sequence[SegmentInfo], *, searched_changed: bool) -> None:
    """Writes the manifest of a changed index, with its counts and MMseqs2 database; removes old files."""
    old = read_manifest(path, IndexManifest)
    generation = old.generation + 1
    draft = manifest.model_copy(
        update={
            "segments": tuple(segments),
            "generation": generation,
            "n_windows": sum(segment.n_windows for segment in segments),
        }
    )
    index = Index(path, draft)
    prefix = manifest.mmseqs
    if prefix is not None and searched_changed:
        name = f"{MMSEQS}.{generation}"
        shutil.rmtree(path / name, ignore_errors=True)
        searched = mmseqs_database.searched_sequences(index)
        prefix = f"{name}/{mmseqs_database.create_database(searched, path / name)}"
    kept = [segment.deleted for segment in segments if segment.deleted is not None]
    folders = [f"segments/{segment.id}" for segment in segments]
    folders += [prefix.split("/")[0]] if prefix else []
    folders += [draft.codebook.path] if draft.codebook else []
    names = [
        file.relative_to(path).as_posix()
        for folder in folders
        for file in (path / folder).rglob("*")
        if file.is_file() and (not file.name.startswith("deleted.") or file.relative_to(path).as_posix() in kept)
    ]
    fresh = file_entries(path, [name for name in names if name not in old.files])
    files = {name: old.files.get(name) or fresh[name] for name in sorted(names)}
    write_manifest(path, draft.model_copy(update={**_counts(index), "mmseqs": prefix, "files": files}))
    for name in old.files:
        if name not in files:
            (path / name).unlink(missing_ok=True)
    if old.mmseqs is not None and old.mmseqs != prefix:
        shutil.rmtree((path / old.mmseqs).parent, ignore_errors=True)


def _counts(index: Index) -> dict[str, int]:
    """Returns what a manifest says about live names and sequences."""
    names = residues = 0
    for segment, first in zip(index.segments, index.first_sequences.tolist(), strict=True):
        live = segment.live_names()
        names += int(live.sum())
        residues += int(index.lengths[segment.members[live].astype(np.int64) + first].sum(dtype=np.int64))
    return {
        "n_names": names,
        "n_sequences": len(index.live_sequences),
        "n_represented": int((index.representatives[index.live_sequences] != index.live_sequences).sum()),
        "n_residues": residues,
    }


def _known(index: Index) -> Callable[[str], int | None]:
    """Returns what tells the number of a sequence from the end of an index, negative, or None."""
    digests = np.concatenate([np.empty(0, dtype=np.uint64), *(segment.digests for segment in index.segments)])
    order = np.argsort(digests, kind="stable")
    ranked = digests[order]

    def find(sequence: str) -> int | None:
        key = np.array([short_digest(sequence)], dtype=np.uint64)
        low, high = (int(np.searchsorted(ranked, key, side=side)[0]) for side in ("left", "right"))
        for number in order[low:high].tolist():
            if index.fetch(number) == sequence:
                return int(number) - index.n_sequences
        return None

    return find


def _representing(index: Index, threads: int) -> Callable[[list[str]], NDArray[np.int64]]:
    """Returns what finds the representatives of new sequences: in the index, then among themselves.

    Raises:
        ToolError: the index has near copies, and MMseqs2 is missing.
    """
    how = index.manifest.representation
    if how.method == "none" or how.unaligned is None:
        return itself
    tools.require("mmseqs")
    unaligned = how.unaligned
    searched = index.searched_sequences
    targets = searched[index.representatives[searched] == searched]

    def represent(sequences: list[str]) -> NDArray[np.int64]:
        letters = [index.fetch(number) for number in targets.tolist()]
        found = assign(sequences, letters, unaligned=unaligned, threads=threads, work=index.path)
        left = np.flatnonzero(found < 0)
        representative = found.copy()
        representative[found >= 0] = targets[found[found >= 0]] - index.n_sequences
        own = near_copies(
            [sequences[number] for number in left.tolist()], unaligned=unaligned, threads=threads, work=index.path
        )
        representative[left] = left[own]
        return representative

    return represent


def add_segment(
    path: Path | str,
    records: Sequence[Record],
    stores: EmbeddingStore | Sequence[EmbeddingStore],
    *,
    mmseqs: bool = True,
    threads: int = 1,
) -> Index:
    """Returns the index after adding sequences as a new segment; known sequences only gain a name.

    Args:
        path: the index.
        records: with names that the index does not have.
        stores: their vectors.
        mmseqs: keep an MMseqs2 database, which is made again, and look for near copies where the index did; False
            removes the database and looks for none.
        threads: for MMseqs2.

    Raises:
        InputError: a name is in the index already, or a record is in no store.
        ArtefactError: the index is damaged, was made with another model, or is being changed.
        ToolError: MMseqs2 is needed and missing.
    """
    path = Path(path)
    parts = as_list(stores)
    if not records or not parts:
        raise InputError("there is no sequence to add", remedy="give at least one sequence")
    with _locked(path):
        index = Index.open(path)
        manifest = _without_mmseqs(index.manifest, mmseqs)
        check_stores(parts, manifest)
        check_names(records, lambda name: index.sequence_of(name) is not None)
        represent = _representing(index, threads) if mmseqs else itself
        contents = arrange(records, represent, _known(index))
        vectors = StoredVectors(parts, named(contents))
        codebook = index.codebook
        if codebook is None and (kind := choose_kind(manifest.index_kind, len(vectors))) != "flat":
            codebook = Codebook.train(kind, vectors.take(sample_rows(len(vectors))), len(vectors))
            manifest = manifest.model_copy(update={"codebook": write_codebook(path, codebook)})
        number = 1 + max((int(segment.id) for segment in manifest.segments), default=-1)
        directory = segment_path(path, number)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        write_contents(directory, contents)
        write_vectors(directory, vectors.quantised, len(vectors), manifest.dimension, codebook)
        segment = describe(directory, directory.name, n_windows=len(vectors), codebook=codebook)
        _commit(path, manifest, [*manifest.segments, segment], searched_changed=True)
    return Index.open(path)


def delete(path: Path | str, names: Iterable[str], *, mmseqs: bool = True) -> Index:
    """Returns the index after hiding names; a sequence without a live name is no longer found.

    Windows of a representative stay, without its name, while one of its near copies is live.

    Args:
        path: the index.
        names: what to hide.
        mmseqs: keep an MMseqs2 database, which may have to be made again; False removes it.

    Raises:
        InputError: a name is not in the index.
        ArtefactError: the index is damaged or is being changed.
        ToolError: the MMseqs2 database has to be made again, and MMseqs2 is missing.
    """
    path = Path(path)
    with _locked(path):
        index = Index.open(path)
        manifest = index.manifest if mmseqs else _without_mmseqs(index.manifest, mmseqs)
        wanted = set(names)
        places = {name: index.find(name) for name in sorted(wanted)}
        missing = [name for name, place in places.items() if place is None]
        if missing:
            shown = ", ".join(repr(name) for name in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(f"has no sequence named {shown}", path=path, remedy="see the names in its FASTA files")
        changed = _searched_names_change(index, wanted)
        if changed:
            manifest = _without_mmseqs(manifest, mmseqs)
        gone: dict[int, list[int]] = {}
        for place in places.values():
            if place is not None:
                gone.setdefault(place[0], []).append(place[1])
        segments = []
        for number, segment in enumerate(index.segments):
            info = segment.info
            if number in gone:
                deleted = f"segments/{info.id}/deleted.{index.manifest.generation + 1}.npy"
                np.save(path / deleted, np.union1d(segment.deleted, gone[number]).astype(np.int64))
                info = info.model_copy(update={"deleted": deleted})
            segments.append(info)
        _commit(path, manifest, segments, searched_changed=changed)
    return Index.open(path)


def _searched_names_change(index: Index, wanted: set[str]) -> bool:
    """Returns whether the MMseqs2 database lacks a name after hiding some.

    It knows a sequence by its first name only, and a near copy only once its representative is dead.
    """
    for name in wanted:
        number = index.sequence_of(name)
        if number is None:
            continue
        copies = index.copies(number)
        survives = not wanted.issuperset(copies)
        if (survives and copies[0] in wanted) or (not survives and len(index.represented(number))):
            return True
    return False


class _Letters(Sequence[str]):
    """Sequences of an index by number, fetched when they are asked for."""

    def __init__(self, index: Index, numbers: NDArray[np.int64]) -> None:
        self._index, self._numbers = index, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> str:  # type: ignore[override]
        return self._index.fetch(int(self._numbers[place]))


def _searched_contents(index: Index) -> tuple[Contents, NDArray[np.int64]]:
    """Returns what is left of an index as contents of one segment, and the rows of its windows."""
    numbers = index.searched_sequences
    leads = index.representatives[numbers]
    order = np.lexsort((numbers, leads != numbers, leads))
    numbers, leads = numbers[order], leads[order]
    place = np.full(index.n_sequences, -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    copies = np.stack([place[leads], place[numbers]])[:, leads != numbers]
    members = [Member(one.name, one.description, int(place[one.sequence])) for one in index.live_members()]
    members.sort(key=lambda member: member.sequence)
    rows = np.concatenate([np.empty(0, dtype=np.int64), *map(index.rows_of, numbers.tolist())])
    return Contents(_Letters(index, numbers), members, copies), rows


def compact(path: Path | str, *, mmseqs: bool = True) -> Index:
    """Returns the index after rewriting it as one segment without deleted sequences.

    Args:
        path: the index.
        mmseqs: make an MMseqs2 database again that is there; False removes it.

    Raises:
        ArtefactError: the index is damaged or is being changed.
        ToolError: there is an MMseqs2 database, and MMseqs2 is missing.
    """
    path = Path(path)
    with _locked(path):
        index = Index.open(path, verify=True)
        manifest = _without_mmseqs(index.manifest, mmseqs)
        contents, rows = _searched_contents(index)
        with artefact_directory(path) as work:
            codebook = None
            if (kind := choose_kind(manifest.index_kind, len(rows))) != "flat":
                codebook = Codebook.train(kind, index.vectors(rows[sample_rows(len(rows))]), len(rows))
            directory = segment_path(work, 0)
            directory.mkdir(parents=True)
            write_contents(directory, contents)
            write_vectors(
                directory, lambda start, end: index.stored(rows[start:end]), len(rows), manifest.dimension, codebook
            )
            info = describe(directory, directory.name, n_windows=len(rows), codebook=codebook)
            prefix = None
            if manifest.mmseqs is not None and len(contents.members):
                searched = mmseqs_database.searched_sequences(index)
                prefix = f"{MMSEQS}/{mmseqs_database.create_database(searched, work / MMSEQS)}"
            if (path / SKIPPED_RECORDS).is_file():
                shutil.copy(path / SKIPPED_RECORDS, work)
            counts = {"n_names": len(contents.members), "n_windows": len(rows), "generation": manifest.generation + 1}
            made = {"segments": (info,), "codebook": write_codebook(work, codebook), "mmseqs": prefix}
            write_manifest(work, manifest.model_copy(update={**counts, **made, "files": index_files(work)}))
    return Index.open(path)


def verify(path: Path | str, *, sizes_only: bool = False) -> IndexManifest:
    """Returns the manifest of an index whose files all match it.

    Args:
        path: the index.
        sizes_only: compare the sizes of files, and not their checksums.

    Raises:
        ArtefactError: the index is damaged; the message names the first file that is.
    """
    path = Path(path)
    manifest = read_manifest(path, IndexManifest)
    verify_files(path, manifest, sizes_only=sizes_only)
    counts = _counts(Index(path, manifest))
    if any(getattr(manifest, name) != value for name, value in counts.items()):
        raise ArtefactError("the counts in the manifest are not those of its files", path=path)
    return manifest
