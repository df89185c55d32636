"""Adding sequences to an index: a new segment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.errors import InputError
from rhoma.index.approximate import Codebook
from rhoma.index.build import choose_kind, named, sample_rows, segment_path, write_codebook
from rhoma.index.bundle import Index
from rhoma.index.change import commit, locked, without_mmseqs
from rhoma.index.contents import arrange, check_names, itself
from rhoma.index.representatives import assign, near_copies
from rhoma.index.rows import Rows
from rhoma.index.segment import describe, short_digest, write_contents, write_vectors
from rhoma.index.vectors import StoredVectors, as_list, check_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.sequences import Record
    from rhoma.store import EmbeddingStore


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
    with locked(path):
        index = Index.open(path)
        manifest = without_mmseqs(index.manifest, mmseqs)
        check_stores(parts, manifest)
        check_names(records, lambda name: index.sequence_of(name) is not None)
        represent = _representing(index, threads) if mmseqs else itself
        contents = arrange(records, represent, _known(index))
        vectors = StoredVectors(parts, named(contents))
        codebook = index.codebook
        if codebook is None and (kind := choose_kind(manifest.index_kind, len(vectors))) != "flat":
            sample = Rows.of(vectors.take(sample_rows(len(vectors))))
            codebook = Codebook.train(kind, sample.take(np.arange(len(sample))), len(vectors))
            manifest = manifest.model_copy(update={"codebook": write_codebook(path, codebook)})
        number = 1 + max((int(segment.id) for segment in manifest.segments), default=-1)
        directory = segment_path(path, number)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        write_contents(directory, contents)
        write_vectors(directory, vectors.quantised, len(vectors), manifest.dimension, codebook)
        segment = describe(directory, directory.name, n_windows=len(vectors), codebook=codebook)
        commit(path, manifest, [*manifest.segments, segment], searched_changed=True)
    return Index.open(path)
