"""Embedding stores: the window vectors of sequences in one directory, memory-mapped and checked.

Files:

* ``vectors.npy``: (n, d) fp16 unit rows.
* ``windows.parquet`` (sequence, row, start, end, strand), one row a vector.
* ``sequences.parquet`` (id, length, digest, row, n_rows), one row a sequence in input order.
* ``manifest.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.artifacts import artefact_directory, atomic_write, new_array
from rhoma.errors import ArtefactError, InputError
from rhoma.manifest import (
    ModelReference,
    StoreManifest,
    check_model,
    file_entries,
    read_manifest,
    verify_files,
    write_manifest,
)
from rhoma.sequences import digest, reverse_complement
from rhoma.windows import Windows, tile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.models.embedder import Embedder
    from rhoma.sequences import Record

SHARD = 50_000
_PROGRESS = "shards.json"
# fp16 keeps eleven bits: the norm of a unit row is off by less than this.
_NORM_TOLERANCE = 5e-3


@dataclass(frozen=True)
class EmbeddingStore:
    """An open store.

    Attributes:
        path: its directory.
        manifest: what it is.
        vectors: (n, d) fp16 unit rows, memory-mapped.
        names: ids of the sequences, in input order.
        lengths: (m,) int64, nucleotides of each.
        digests: digest of each sequence.
        first_rows: (m + 1,) int64; the rows of sequence i are ``first_rows[i]:first_rows[i + 1]``, the plus
            strand's before the minus strand's.
        windows: (n,) the window of each row; on the minus strand the coordinates are still those of the plus
            strand.
        minus: (n,) bool, rows that belong to the minus strand.
    """

    path: Path
    manifest: StoreManifest
    vectors: NDArray[np.float16]
    names: list[str]
    lengths: NDArray[np.int64]
    digests: list[str]
    first_rows: NDArray[np.int64]
    windows: Windows
    minus: NDArray[np.bool_]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _by_digest(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.digests)}

    def place_of(self, key: str) -> int | None:
        """Returns the number of a sequence of this digest, or None where the store does not have it."""
        return self._by_digest.get(key)

    def plus_rows(self, place: int) -> slice:
        """Returns the rows of the plus strand of a sequence by its number; they come before the minus strand's."""
        first, last = self.first_rows[place : place + 2].tolist()
        return slice(first, first + (last - first) // (2 if self.manifest.strands == "both" else 1))

    def place(self, name: str) -> int | None:
        """Returns the number of the sequence of this name, or None where the store does not have it."""
        return self._places.get(name)

    def rows(self, name: str) -> slice:
        """Returns the rows of a sequence, both strands where the store has them.

        Raises:
            InputError: the store does not have it.
        """
        place = self.place(name)
        if place is None:
            raise InputError(f"has no vectors of {name!r}", path=self.path, remedy="embed the same FASTA file")
        return slice(int(self.first_rows[place]), int(self.first_rows[place + 1]))


@dataclass(frozen=True, slots=True)
class _Plan:
    windows: Windows
    minus: NDArray[np.bool_]
    first_rows: NDArray[np.int64]


def _plan(records: Sequence[Record], window: int, stride: int, strands: Literal["+", "both"]) -> _Plan:
    """Returns which window of which strand each row holds: by sequence, then strand, then start."""
    plus = tile([len(record.sequence) for record in records], window, stride)
    if strands == "both":
        order = np.lexsort((np.tile(plus.start, 2), np.arange(2 * len(plus)) >= len(plus), np.tile(plus.sequence, 2)))
        minus = order >= len(plus)
        source = order % max(1, len(plus))
    else:
        source = np.arange(len(plus))
        minus = np.zeros(len(plus), dtype=np.bool_)
    windows = Windows(plus.sequence[source], plus.start[source], plus.end[source])
    counts = np.bincount(windows.sequence, minlength=len(records))
    return _Plan(windows, minus, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _texts(records: Sequence[Record], plan: _Plan, rows: range) -> list[str]:
    texts = []
    for row in rows:
        start, end = int(plan.windows.start[row]), int(plan.windows.end[row])
        text = records[int(plan.windows.sequence[row])].sequence[start:end]
        texts.append(reverse_complement(text) if plan.minus[row] else text)
    return texts


def _embed_unique(
    embedder: Embedder, texts: list[str], progress: Callable[[int, int], None] | None
) -> NDArray[np.float16]:
    """Returns the vectors of windows; equal windows are embedded once."""
    places: dict[str, int] = {}
    inverse = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int64)
    vectors = embedder.embed(list(places), progress=progress)
    if vectors.shape != (len(places), embedder.dimension) or not np.isfinite(vectors).all():
        raise ValueError(f"model {embedder.name} gave vectors of shape {vectors.shape} or numbers that are not finite")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=_NORM_TOLERANCE):
        raise ValueError(f"model {embedder.name} gave vectors that are not of unit length")
    return vectors.astype(np.float16)[inverse]


def _finished_shards(work: Path, fingerprint: str) -> dict[str, str]:
    """Returns the digests of the shards an earlier, interrupted run of the same work has finished."""
    try:
        state = json.loads((work / _PROGRESS).read_text())
    except (OSError, ValueError):
        return {}
    same = isinstance(state, dict) and state.get("fingerprint") == fingerprint and (work / "vectors.npy").is_file()
    return dict(state["shards"]) if same else {}


def _block_digest(block: NDArray[np.float16]) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(block).tobytes()).hexdigest()


def _write_vectors(
    work: Path,
    records: Sequence[Record],
    plan: _Plan,
    embedder: Embedder,
    fingerprint: str,
    shard: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    total = len(plan.windows)
    path = work / "vectors.npy"
    done = _finished_shards(work, fingerprint)
    shape = (total, embedder.dimension)
    try:
        vectors = np.lib.format.open_memmap(path, mode="r+") if done else None
    except (OSError, ValueError):
        vectors = None
    if vectors is None or vectors.shape != shape or vectors.dtype != np.float16:
        done = {}
        vectors = new_array(path, np.float16, shape)
    for start in range(0, total, shard):
        end = min(start + shard, total)
        if done.get(str(start)) != _block_digest(vectors[start:end]):

            def tell(count: int, of: int, start: int = start, end: int = end) -> None:
                if progress is not None:
                    progress(start + (end - start) * count // max(1, of), total)

            vectors[start:end] = _embed_unique(embedder, _texts(records, plan, range(start, end)), tell)
            vectors.flush()
            done[str(start)] = _block_digest(vectors[start:end])
            with atomic_write(work / _PROGRESS) as state:
                state.write_text(json.dumps({"fingerprint": fingerprint, "shards": done}))
        if progress is not None:
            progress(end, total)


def write_store(
    out: Path | str,
    records: Sequence[Record],
    embedder: Embedder,
    *,
    strands: Literal["+", "both"] = "+",
    shard: int = SHARD,
    progress: Callable[[int, int], None] | None = None,
) -> EmbeddingStore:
    """Returns the store it has written at ``out``; an interrupted run is taken up at its last whole shard.

    Args:
        out: the directory to make.
        records: the sequences, with different ids.
        embedder: the model.
        strands: embed the sequences as given, or also their reverse complements.
        shard: rows that are embedded and saved together.
        progress: called with (rows done, rows in all).

    Raises:
        InputError: ``out`` cannot be written or is something else.
        ValueError: the model's vectors are not finite unit rows of its dimension.
    """
    import polars as pl

    plan = _plan(records, embedder.window, embedder.stride, strands)
    digests = [digest(record.sequence) for record in records]
    names = [record.id for record in records]
    lengths = np.array([len(record.sequence) for record in records], dtype=np.int64)
    identity = json.dumps([embedder.sha256, strands, shard, names, digests])
    with artefact_directory(out, resume=True) as work:
        _write_vectors(work, records, plan, embedder, _text_digest(identity), shard, progress)
        strand_names = np.where(plan.minus, "-", "+")
        pl.DataFrame(
            {
                "sequence": np.array(names, dtype=object)[plan.windows.sequence].tolist(),
                "row": np.arange(len(plan.windows), dtype=np.int64),
                "start": plan.windows.start,
                "end": plan.windows.end,
                "strand": strand_names.tolist(),
            },
            schema={
                "sequence": pl.String,
                "row": pl.Int64,
                "start": pl.Int32,
                "end": pl.Int32,
                "strand": pl.String,
            },
        ).write_parquet(work / "windows.parquet")
        pl.DataFrame(
            {
                "id": names,
                "length": lengths,
                "digest": digests,
                "row": plan.first_rows[:-1],
                "n_rows": np.diff(plan.first_rows),
            },
            schema={
                "id": pl.String,
                "length": pl.Int64,
                "digest": pl.String,
                "row": pl.Int64,
                "n_rows": pl.Int64,
            },
        ).write_parquet(work / "sequences.parquet")
        files = file_entries(work, ["vectors.npy", "windows.parquet", "sequences.parquet"])
        manifest = StoreManifest(
            model=ModelReference(name=embedder.name, sha256=embedder.sha256),
            dimension=embedder.dimension,
            window=embedder.window,
            stride=embedder.stride,
            strands=strands,
            n_sequences=len(records),
            n_windows=len(plan.windows),
            n_residues=int(lengths.sum()),
            files=files,
        )
        (work / _PROGRESS).unlink(missing_ok=True)
        write_manifest(work, manifest)
    return open_store(out, verify=False)


def _text_digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def open_store(path: Path | str, *, verify: bool = False, model_sha256: str | None = None) -> EmbeddingStore:
    """Returns an open store.

    Args:
        path: its directory.
        verify: compare all checksums, and not only sizes and counts.
        model_sha256: the model it has to be made with, if that matters.

    Raises:
        ArtefactError: the store is damaged, of a newer schema or made with another model.
    """
    import polars as pl

    path = Path(path)
    manifest = read_manifest(path, StoreManifest)
    if model_sha256 is not None:
        check_model(manifest, path, model_sha256)
    verify_files(path, manifest, sizes_only=not verify)
    vectors = np.load(path / "vectors.npy", mmap_mode="r")
    if vectors.shape != (manifest.n_windows, manifest.dimension) or vectors.dtype != np.float16:
        raise ArtefactError("does not fit the manifest", path=path / "vectors.npy", remedy="make the store again")
    table = pl.read_parquet(path / "sequences.parquet")
    first_rows = np.append(table["row"].to_numpy(), manifest.n_windows).astype(np.int64)
    rows = pl.read_parquet(path / "windows.parquet", columns=["start", "end", "strand"])
    numbers = np.repeat(np.arange(len(table), dtype=np.int32), np.diff(first_rows))
    return EmbeddingStore(
        path=path,
        manifest=manifest,
        vectors=vectors,
        names=table["id"].to_list(),
        lengths=table["length"].to_numpy().astype(np.int64),
        digests=table["digest"].to_list(),
        first_rows=first_rows,
        windows=Windows(numbers, rows["start"].to_numpy(), rows["end"].to_numpy()),
        minus=(rows["strand"] == "-").to_numpy(),
    )
