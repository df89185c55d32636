"""The compact encoder: our own, trained from scratch, small enough to ship with the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from rhoma.models.encoders.protocol import TokenBatch
from rhoma.models.encoders.tokens import COMPACT_TOKENS, COMPACT_VOCABULARY, lookup_table, tokenize
from rhoma.models.transformer import Block

if TYPE_CHECKING:
    from collections.abc import Sequence


class CompactConfig(BaseModel):
    """Sizes of the compact encoder.

    Attributes:
        embedding_size: numbers a letter.
        hidden_size: width of the states.
        kernel: letters that the convolution sees.
        layers: Transformer blocks after it.
        heads: of each block's attention.
        max_length: longest sequence in nucleotides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedding_size: int = 32
    hidden_size: int = 128
    kernel: int = 9
    layers: int = 0
    heads: int = 4
    max_length: int = 1022


class CompactEncoder(nn.Module):
    """Embeds nucleotides, looks at `kernel` neighbours by a convolution, then `layers` Transformer blocks.

    The convolution gives every position the letters around it, the context that k-mer methods count; longer
    range is left to the blocks here and in the head.
    """

    kind = "compact"

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.hidden_size = config.hidden_size
        self.max_length = config.max_length
        self.embedding = nn.Embedding(COMPACT_TOKENS, config.embedding_size, padding_idx=0)
        self.convolution = nn.Conv1d(
            config.embedding_size, config.hidden_size, config.kernel, padding=config.kernel // 2
        )
        self.blocks = nn.ModuleList(Block(config.hidden_size, config.heads) for _ in range(config.layers))
        self._table = lookup_table(COMPACT_VOCABULARY, unknown=5)

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the padded tokens; there is no cls or eos, so attention and residues are the same."""
        ids, attention, residues = tokenize(sequences, self._table, max_length=self.max_length)
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(attention), torch.from_numpy(residues))

    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the states, (b, t, hidden_size); padding embeds to zero, like the convolution's own padding."""
        x: Tensor = self.convolution(self.embedding(batch.ids).transpose(1, 2)).transpose(1, 2)
        x = nn.functional.gelu(x, approximate="tanh")
        for block in self.blocks:
            x = block(x, batch.attention)
        return x
