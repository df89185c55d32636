"""The vectors that go into segments, from embedding stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import ArtefactError, InputError
from rhoma.index.rows import quantise
from rhoma.manifest import check_model
from rhoma.sequences import digest
from rhoma.store import EmbeddingStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rhoma.manifest import IndexManifest


def as_list(stores: EmbeddingStore | Sequence[EmbeddingStore]) -> list[EmbeddingStore]:
    """Returns one store, or several, as a list."""
    return [stores] if isinstance(stores, EmbeddingStore) else list(stores)


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


class StoredVectors:
    """The vectors of the windows of a segment, in its order, from embedding stores.

    Args:
        stores: where they are.
        sequences: the sequences that have windows, in order, each with one of its names.

    Raises:
        InputError: a sequence is in no store.
    """

    def __init__(self, stores: Sequence[EmbeddingStore], sequences: Iterable[tuple[str, str]]) -> None:
        self._stores = stores
        owners: list[NDArray[np.int64]] = []
        rows: list[NDArray[np.int64]] = []
        for name, sequence in sequences:
            key = digest(sequence)
            owner, place = next(
                ((n, p) for n, store in enumerate(stores) if (p := store.place_of(key)) is not None), (-1, -1)
            )
            if owner < 0:
                raise self._missing(name)
            span = stores[owner].plus_rows(place)
            rows.append(np.arange(span.start, span.stop, dtype=np.int64))
            owners.append(np.full(len(rows[-1]), owner, dtype=np.int64))
        self._rows = np.concatenate([np.empty(0, dtype=np.int64), *rows])
        self._owners = np.concatenate([np.empty(0, dtype=np.int64), *owners])

    def _missing(self, name: str) -> InputError:
        holder = next((store for store in self._stores if store.place(name) is not None), None)
        problem = f"has no vectors of {name!r}"
        if holder is not None:
            problem = f"holds vectors of {name!r}, but of another sequence than the FASTA file"
        return InputError(problem, path=(holder or self._stores[0]).path, remedy="embed the same FASTA file")

    def __len__(self) -> int:
        """Returns the number of windows."""
        return len(self._rows)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns the vectors of windows as float32."""
        out = np.empty((len(rows), self._stores[0].manifest.dimension), dtype=np.float32)
        for number, store in enumerate(self._stores):
            mine = self._owners[rows] == number
            out[mine] = store.vectors[self._rows[rows][mine]]
        return out

    def quantised(self, start: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Returns codes and scales of the windows from one number to another."""
        return quantise(self.take(np.arange(start, end, dtype=np.int64)))
