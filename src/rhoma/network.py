"""The network that is trained: an encoder and a homology head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rhoma.heads import make_head

if TYPE_CHECKING:
    from rhoma.encoders.protocol import Encoder, TokenBatch
    from rhoma.heads import HeadConfig


class HomologyNetwork(nn.Module):
    """Tokens in, vectors (b, dimension) out, not normalised."""

    def __init__(self, encoder: Encoder, config: HeadConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = make_head(config, encoder.hidden_size)
        self.config = config
        self.dimension = encoder.hidden_size if config.kind == "mean" else config.dimension

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return the vectors of `batch`."""
        vectors: Tensor = self.head(self.encoder.encode(batch), batch.residues)
        return vectors
