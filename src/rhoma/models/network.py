"""The network of a bundle: an encoder, a homology head, and what finishes its vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table
from rhoma.models.heads import make_head
from rhoma.models.pairing import CHANNELS, add_pairing
from rhoma.models.whitening import Finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.models.encoders.protocol import Encoder, TokenBatch
    from rhoma.models.heads import HeadConfig

_LETTERS = lookup_table(COMPACT_VOCABULARY, unknown=5)


class HomologyNetwork(nn.Module):
    """Tokens in, vectors (b, dimension) out, not normalised."""

    def __init__(self, encoder: Encoder, config: HeadConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config
        width = encoder.hidden_size + (CHANNELS if config.structure else 0)
        self.head = make_head(config, width)
        self.finish = Finish(width if config.kind == "mean" else config.dimension, config.whitened, config.words)
        self.dimension = self.finish.dimension

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the encoder's tokens of `sequences`, with pairing and letters where this network reads them.

        Raises:
            InputError: a sequence is empty or longer than the encoder takes.
        """
        batch = self.encoder.tokenize(sequences)
        if self.config.structure:
            batch = add_pairing(batch, sequences)
        if self.config.words:
            letters = torch.zeros_like(batch.ids)
            codes = np.frombuffer("".join(sequences).encode("ascii"), dtype=np.uint8)
            letters[batch.residues] = torch.from_numpy(_LETTERS[codes])
            batch = replace(batch, letters=letters)
        return batch

    def learned(self, batch: TokenBatch) -> Tensor:
        """Return the head's vectors of `batch`, which are what is trained."""
        states = self.encoder.encode(batch)
        if self.config.structure:
            assert batch.pairing is not None
            states = torch.cat([states, batch.pairing.to(states.dtype)], dim=-1)
        vectors: Tensor = self.head(states, batch.residues)
        return vectors

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return the finished vectors of `batch`, which `tokenize` made."""
        learned = self.learned(batch)
        # centring takes away most of a vector, so half precision would not do
        with torch.autocast(learned.device.type, enabled=False):
            vectors: Tensor = self.finish(learned.float(), batch.letters)
        return vectors
