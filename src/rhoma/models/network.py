"""The network of a bundle: an encoder, a homology head, and the whitening of its vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rhoma.errors import InputError
from rhoma.models.encoders.words import WordsEncoder
from rhoma.models.heads import make_head
from rhoma.models.pairing import CHANNELS, add_pairing, fold
from rhoma.models.whitening import Whitening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.models.encoders.protocol import Encoder, TokenBatch
    from rhoma.models.heads import HeadConfig
    from rhoma.models.pairing import Fold


class HomologyNetwork(nn.Module):
    """Tokens in, vectors (b, dimension) out, not normalised.

    Attributes:
        fold: gives the pairing probabilities of sequences, where the head reads them.

    Raises:
        InputError: more axes are to be whitened than the head's vector has.
    """

    def __init__(self, encoder: Encoder, config: HeadConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config
        width = encoder.hidden_size + (CHANNELS if config.structure else 0)
        size = config.size(width)
        if config.whitened > size:
            raise InputError(
                f"{config.whitened} whitened axes are more than the {size} numbers of the head's vector",
                remedy=f"keep at most {size}",
            )
        self.head = make_head(config, width)
        self.whitening = Whitening(size, config.whitened) if config.whitened else None
        self.dimension = config.whitened or size
        self.fold: Fold = fold

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the encoder's tokens of `sequences`, with pairing where this network reads it.

        Raises:
            InputError: a sequence is empty or longer than the encoder takes.
        """
        batch = self.encoder.tokenize(sequences)
        return add_pairing(batch, sequences, self.fold) if self.config.structure else batch

    def learned(self, batch: TokenBatch) -> Tensor:
        """Return the head's vectors of `batch`, before whitening."""
        if self.config.kind == "norm" and not self.config.structure and isinstance(self.encoder, WordsEncoder):
            # the same without a state in memory
            return self.encoder.norms(batch)
        states = self.encoder.encode(batch)
        if self.config.structure:
            assert batch.pairing is not None
            states = torch.cat([states, batch.pairing.to(states.dtype)], dim=-1)
        vectors: Tensor = self.head(states, batch.residues)
        return vectors

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return the vectors of `batch`, which `tokenize` made."""
        learned = self.learned(batch)
        if self.whitening is None:
            return learned
        # centring takes away most of a vector, so half precision would not do
        with torch.autocast(learned.device.type, enabled=False):
            vectors: Tensor = self.whitening(learned.float())
        return vectors
