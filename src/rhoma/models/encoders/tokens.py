"""Token ids by table look-up: no Python work per nucleotide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# A, C, G and U first, so that the four bases are 1 to 4; every other IUPAC code is "any base"
COMPACT_VOCABULARY: dict[str, int] = {"A": 1, "C": 2, "G": 3, "U": 4, "T": 4} | dict.fromkeys("NRYSWKMBDHVX", 5)
COMPACT_TOKENS = 6


def lookup_table(vocabulary: Mapping[str, int], unknown: int) -> NDArray[np.int64]:
    """Return a (256,) table from ASCII code to token id; letters outside `vocabulary` give `unknown`."""
    table = np.full(256, unknown, dtype=np.int64)
    for letter, token in vocabulary.items():
        if len(letter) == 1 and ord(letter) < 256:
            table[ord(letter)] = token
    return table


def tokenize(
    sequences: Sequence[str],
    table: NDArray[np.int64],
    *,
    max_length: int,
    pad: int = 0,
    first: int | None = None,
    last: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return ids (b, t) int64, attention (b, t) bool and residues (b, t) bool, padded on the right.

    Args:
        sequences: upper-case nucleotide letters.
        table: from `lookup_table`.
        max_length: longest sequence the encoder takes, in nucleotides.
        pad: id of padding.
        first: id put before every sequence (cls), if any.
        last: id put after every sequence (eos), if any.

    Raises:
        InputError: an empty sequence, or one longer than `max_length`.
    """
    lengths = np.array([len(s) for s in sequences], dtype=np.int64)
    if lengths.size and lengths.min() == 0:
        raise InputError("an empty sequence has no embedding", remedy="remove empty records")
    if lengths.size and lengths.max() > max_length:
        raise InputError(
            f"a window of {lengths.max()} nt is longer than the encoder's limit of {max_length}",
            remedy=f"use windows of at most {max_length} nt",
        )
    lead = int(first is not None)
    width = int(lengths.max(initial=0)) + lead + int(last is not None)
    ids = np.full((len(sequences), width), pad, dtype=np.int64)
    positions = np.arange(width)[None, :]
    residues = (positions >= lead) & (positions < lead + lengths[:, None])
    # one look-up for the whole batch: rows are filled in order, so the flat letters land where `residues`
    # is True
    letters = np.frombuffer("".join(sequences).encode("ascii"), dtype=np.uint8)
    ids[residues] = table[letters]
    attention = positions < lead + lengths[:, None] + int(last is not None)
    if first is not None:
        ids[:, 0] = first
    if last is not None:
        ids[np.arange(len(sequences)), lead + lengths] = last
    return ids, attention, residues
