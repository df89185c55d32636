"""States of a frozen encoder, made once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rhoma.artifacts import artefact_directory, new_array
from rhoma.errors import ArtefactError
from rhoma.train.augment import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.models.encoders.protocol import Encoder, TokenBatch
    from rhoma.train.data import Family

_BATCH_NUCLEOTIDES = 16_384
_STATES, _TABLE = "states.npy", "states.json"


def member_windows(families: Iterable[Family], window: int, grid: int) -> list[str]:
    """Return the different views of `families` that unaugmented training draws, sorted by length."""
    found: set[str] = set()
    for family in families:
        for member in family.members:
            starts = range(0, max(1, len(member) - window + 1), grid)
            found.update(decode(member[start : start + window]) for start in starts)
    return sorted(found, key=lambda s: (len(s), s))


class FrozenEncoder(nn.Module):
    """An encoder that never trains: no gradients, no dropout; states in `cache` are read and not made.

    Sequences that are not in the cache (negatives, augmented views) go through the encoder as ever.
    """

    def __init__(self, encoder: Encoder, cache: StateCache | None = None) -> None:
        super().__init__()
        assert isinstance(encoder, nn.Module)
        self.source = encoder
        encoder.requires_grad_(False)
        self.cache = cache
        self.kind: str = encoder.kind
        self.hidden_size: int = encoder.hidden_size
        self.max_length: int = encoder.max_length

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Return self; the encoder stays in evaluation mode."""
        super().train(False)
        return self

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the tokens that the encoder gives."""
        return self.source.tokenize(sequences)

    @torch.no_grad()
    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the states, (b, t, hidden_size); zero at positions of cached sequences that are no residues."""
        if self.cache is None:
            return self.source.encode(batch)
        keys = batch_keys(batch)
        missing = [row for row, key in enumerate(keys) if key not in self.cache]
        out = torch.zeros((*batch.ids.shape, self.hidden_size), device=batch.ids.device)
        if missing:
            rows = torch.tensor(missing, device=batch.ids.device)
            part = type(batch)(batch.ids[rows], batch.attention[rows], batch.residues[rows])
            out[rows] = self.source.encode(part).to(out.dtype)
        for row in sorted(set(range(len(keys))) - set(missing)):
            states = torch.from_numpy(self.cache[keys[row]].astype(np.float32))
            out[row, batch.residues[row]] = states.to(out.device)
        return out


class StateCache:
    """Per-nucleotide states by sequence of tokens: one memory-mapped file, fp16."""

    def __init__(self, directory: Path, encoder_sha256: str) -> None:
        """Open the cache in `directory`.

        Raises:
            ArtefactError: it is damaged or holds states of another encoder.
        """
        try:
            table = json.loads((directory / _TABLE).read_text())
            self._states = np.load(directory / _STATES, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise ArtefactError(
                f"the cached states cannot be read ({error})", path=directory, remedy="delete the directory"
            ) from error
        if table["encoder"] != encoder_sha256:
            raise ArtefactError(
                "the cached states are another encoder's", path=directory, remedy="delete the directory"
            )
        self._rows: dict[str, list[int]] = table["rows"]

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: str) -> NDArray[np.float16]:
        start, end = self._rows[key]
        states: NDArray[np.float16] = self._states[start:end]
        return states


def fill_cache(
    directory: Path,
    encoder: Encoder,
    encoder_sha256: str,
    sequences: Sequence[str],
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> StateCache:
    """Return the cache in `directory` after making it, unless it is there already.

    Args:
        directory: of the cache; written as a whole or not at all.
        encoder: on `device`.
        encoder_sha256: fingerprint of its weights.
        sequences: distinct, best sorted by length.
        device: where the encoder is.
        progress: told (done, total) sequences.
    """
    if not (directory / _TABLE).is_file():
        rows: dict[str, list[int]] = {}
        start = done = 0
        with artefact_directory(directory, overwrite=True) as work:
            states = new_array(work / _STATES, np.float16, (sum(map(len, sequences)), encoder.hidden_size))
            for part in _batches(sequences):
                batch = encoder.tokenize(part)
                keys = batch_keys(batch)
                where = torch.device(device).type
                with torch.no_grad(), torch.autocast(where, torch.bfloat16, enabled=where == "cuda"):
                    made = encoder.encode(batch.to(device)).float().cpu()
                for row, key in enumerate(keys):
                    one = made[row][batch.residues[row]].numpy()
                    states[start : start + len(one)] = one
                    rows[key] = [start, start + len(one)]
                    start += len(one)
                done += len(part)
                if progress is not None:
                    progress(done, len(sequences))
            states.flush()
            (work / _TABLE).write_text(json.dumps({"encoder": encoder_sha256, "rows": rows}))
    return StateCache(directory, encoder_sha256)


def batch_keys(batch: TokenBatch) -> list[str]:
    """Return one key for each row of `batch`: a digest of its tokens, padding left out."""
    ids, attention = batch.ids.cpu().numpy(), batch.attention.cpu().numpy()
    return [
        hashlib.blake2b(row[keep].astype(np.int16).tobytes(), digest_size=12).hexdigest()
        for row, keep in zip(ids, attention, strict=True)
    ]


def _batches(sequences: Sequence[str]) -> Iterable[list[str]]:
    part: list[str] = []
    for sequence in sequences:
        if part and (len(part) + 1) * max(len(sequence), len(part[-1])) > _BATCH_NUCLEOTIDES:
            yield part
            part = []
        part.append(sequence)
    if part:
        yield part
