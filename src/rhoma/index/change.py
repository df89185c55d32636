"""Changing index bundles: delete names, verify, and what all changes share.

Every change ends with the renaming of a new manifest, or of a whole new index: until then the old one is what readers
see. Files are never changed in place; those the new manifest does not name are removed afterwards.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.artifacts import alone
from rhoma.errors import ArtefactError, InputError
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.build import (
    MMSEQS,
)
from rhoma.index.bundle import Index
from rhoma.manifest import IndexManifest, file_entries, read_manifest, verify_files, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rhoma.manifest import SegmentInfo


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the only right to change an index.

    Raises:
        ArtefactError: another process has it.
    """
    read_manifest(path, IndexManifest)
    with alone(path, "is being changed by another process", remedy="wait until that one has finished"):
        yield


def without_mmseqs(manifest: IndexManifest, mmseqs: bool) -> IndexManifest:
    """Returns the manifest without MMseqs2's database where that is to go.

    Raises:
        ToolError: it is to stay, and MMseqs2 is missing.
    """
    if not mmseqs:
        return manifest.model_copy(update={"mmseqs": None})
    if manifest.mmseqs is not None:
        tools.require("mmseqs")
    return manifest


def commit(path: Path, manifest: IndexManifest, segments: Sequence[SegmentInfo], *, searched_changed: bool) -> None:
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
    write_manifest(path, draft.model_copy(update={**counts(index), "mmseqs": prefix, "files": files}))
    for name in old.files:
        if name not in files:
            (path / name).unlink(missing_ok=True)
    if old.mmseqs is not None and old.mmseqs != prefix:
        shutil.rmtree((path / old.mmseqs).parent, ignore_errors=True)


def counts(index: Index) -> dict[str, int]:
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
    with locked(path):
        index = Index.open(path)
        manifest = index.manifest if mmseqs else without_mmseqs(index.manifest, mmseqs)
        wanted = set(names)
        places = {name: index.find(name) for name in sorted(wanted)}
        missing = [name for name, place in places.items() if place is None]
        if missing:
            shown = ", ".join(repr(name) for name in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(f"has no sequence named {shown}", path=path, remedy="see the names in its FASTA files")
        changed = _searched_names_change(index, wanted)
        if changed:
            manifest = without_mmseqs(manifest, mmseqs)
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
        commit(path, manifest, segments, searched_changed=changed)
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
    counted = counts(Index(path, manifest))
    if any(getattr(manifest, name) != value for name, value in counted.items()):
        raise ArtefactError("the counts in the manifest are not those of its files", path=path)
    return manifest
