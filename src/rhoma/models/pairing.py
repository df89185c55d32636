"""The structure channel: how probably each nucleotide pairs, from ViennaRNA's partition function."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.models.encoders.protocol import TokenBatch

    Fold = Callable[[Sequence[str]], list[NDArray[np.float32]]]

CHANNELS = 2
# pairs less probable than this are not asked for: their sum moves a probability in the fourth digit
_LEAST = 1e-4


# one sequence is asked for again: cached gradients and validations make vectors more than once
@lru_cache(maxsize=8192)
def pair_probabilities(sequence: str) -> NDArray[np.float32]:
    """Return (n, 2) float32: the probability that a nucleotide pairs with a later one, and with an earlier one.

    McCaskill's partition function at 37 °C with ViennaRNA's default energies (Lorenz et al. 2011). The time grows
    with the cube of the length. The array cannot be written to.
    """
    import RNA

    model = RNA.fold_compound(sequence)
    model.pf()
    out = np.zeros((len(sequence), CHANNELS), dtype=np.float32)
    for pair in model.plist_from_probs(_LEAST):
        # other types are motifs, not pairs
        if pair.type == RNA.PLIST_TYPE_BASEPAIR:
            out[pair.i - 1, 0] += pair.p
            out[pair.j - 1, 1] += pair.p
    out.flags.writeable = False
    return out


def fold(sequences: Sequence[str]) -> list[NDArray[np.float32]]:
    """Return the `pair_probabilities` of each sequence."""
    return [pair_probabilities(sequence) for sequence in sequences]


def add_pairing(batch: TokenBatch, sequences: Sequence[str], fold: Fold = fold) -> TokenBatch:
    """Return `batch` with the probabilities that `fold` gives for `sequences`, its rows, at the residues; else zero."""
    pairing = torch.zeros((*batch.ids.shape, CHANNELS))
    pairing[batch.residues] = torch.from_numpy(np.concatenate(fold(sequences)))
    return replace(batch, pairing=pairing)
