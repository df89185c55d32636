"""Rewriting an index as one segment, without what was deleted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma.artifacts import artefact_directory
from rhoma.index import mmseqs as mmseqs_database
from rhoma.index.approximate import Codebook
from rhoma.index.build import MMSEQS, choose_kind, index_files, sample_rows, segment_path, write_codebook
from rhoma.index.bundle import Index
from rhoma.index.change import locked, without_mmseqs
from rhoma.index.contents import Contents, Member
from rhoma.index.segment import describe, write_contents, write_vectors
from rhoma.io.skipped import SKIPPED_RECORDS
from rhoma.manifest import write_manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    with locked(path):
        index = Index.open(path, verify=True)
        manifest = without_mmseqs(index.manifest, mmseqs)
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
