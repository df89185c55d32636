"""Homology heads: states per nucleotide in, one vector a sequence out."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from rhoma.models.pooling import AttentivePool, mean_pool
from rhoma.models.transformer import Block


class HeadConfig(BaseModel):
    """Sizes of a head; the configuration is the truth about the number of layers.

    Attributes:
        kind: ``transformer``, ``pooled`` (blocks over the one mean state), ``norm`` or ``mean`` (of the states).
        hidden_size: width of the blocks.
        layers: number of blocks.
        heads: of each block's attention.
        stride: nucleotides a position of the blocks.
        pool_heads: of the attentive pooling.
        dimension: length of the vector of a ``transformer`` or ``pooled`` head.
        structure: a head of any kind sees, beside the states, how probably each nucleotide pairs (ViennaRNA).
        whitened: axes that a network keeps of the head's vector (rhoma.models.whitening); 0 leaves it as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["transformer", "pooled", "mean", "norm"] = "transformer"
    hidden_size: int = 192
    layers: int = 6
    heads: int = 6
    stride: int = 4
    pool_heads: int = 16
    dimension: int = 512
    structure: bool = False
    whitened: int = Field(default=0, ge=0)

    def size(self, input_size: int) -> int:
        """Return the length of the head's vector for states of width `input_size`."""
        return input_size if self.kind in ("mean", "norm") else self.dimension


class TransformerHead(nn.Module):
    """The default head: Transformer blocks over residue states, then attentive pooling.

    With a `stride` above 1 the blocks see one position for every `stride` nucleotides, made by a convolution
    over twice as many: a quarter of the positions costs a fifth of the time.
    """

    def __init__(self, config: HeadConfig, input_size: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.stride = config.stride
        self.project = nn.Conv1d(
            input_size, size, 2 * config.stride - 1, stride=config.stride, padding=config.stride - 1
        )
        self.blocks = nn.ModuleList(Block(size, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(size)
        self.pool = AttentivePool(size, config.dimension, config.pool_heads)

    def forward(self, states: Tensor, residues: Tensor) -> Tensor:
        """Return (b, dimension) vectors, not normalised, of states (b, t, input_size)."""
        # padding must read as zeros, or a sequence would see how long its batch is
        x = self.project((states * residues.unsqueeze(-1)).transpose(1, 2)).transpose(1, 2)
        keep = residues[:, :: self.stride]
        for block in self.blocks:
            x = block(x, keep)
        vectors: Tensor = self.pool(self.norm(x), keep)
        return vectors


class PooledHead(nn.Module):
    """The founding paper's head: blocks over the one pooled vector (Jiang 2025).

    The mean state is projected, a learned positional embedding is added, and the blocks attend over this
    single vector, so that attention is a linear map; kept so that the paper can be reproduced.
    """

    def __init__(self, config: HeadConfig, input_size: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.project = nn.Linear(input_size, size)
        self.position = nn.Parameter(torch.zeros(size))
        self.blocks = nn.ModuleList(Block(size, config.heads) for _ in range(config.layers))
        self.final = nn.Linear(size, config.dimension)

    def forward(self, states: Tensor, residues: Tensor) -> Tensor:
        """Return (b, dimension) vectors, not normalised, of states (b, t, input_size)."""
        x = (self.project(mean_pool(states, residues)) + self.position).unsqueeze(1)
        one = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        for block in self.blocks:
            x = block(x, one)
        vectors: Tensor = self.final(x.squeeze(1))
        return vectors


class MeanHead(nn.Module):
    """No head: the mean state of an encoder as it is, the baseline every head has to beat."""

    def forward(self, states: Tensor, residues: Tensor) -> Tensor:
        """Return (b, input_size) vectors, not normalised, of states (b, t, input_size)."""
        return mean_pool(states, residues)


class NormHead(nn.Module):
    """The Euclidean norm of each channel over the nucleotides: the head of the words encoder.

    For matches of words it is the square root of how often and how well a word is met.
    """

    def forward(self, states: Tensor, residues: Tensor) -> Tensor:
        """Return (b, input_size) vectors, not normalised, of states (b, t, input_size)."""
        norms: Tensor = torch.linalg.vector_norm(states * residues.unsqueeze(-1), dim=1)
        return norms


def make_head(config: HeadConfig, input_size: int) -> nn.Module:
    """Return the head that `config` names, for states of width `input_size`."""
    if config.kind == "mean":
        return MeanHead()
    if config.kind == "norm":
        return NormHead()
    return (TransformerHead if config.kind == "transformer" else PooledHead)(config, input_size)
