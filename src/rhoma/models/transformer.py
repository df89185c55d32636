"""One pre-LN Transformer block with rotary positions, shared by the compact encoder and the heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def rotary(x: Tensor, base: float = 10_000.0) -> Tensor:
    """Return `x` (b, h, t, d), d even, with its positions rotated in (Su et al. 2021, RoFormer, eq. 34)."""
    length, dimension = x.shape[-2], x.shape[-1]
    half = dimension // 2
    frequency = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = torch.arange(length, device=x.device, dtype=torch.float32)[:, None] * frequency[None, :]
    cosine, sine = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def attend(query: Tensor, key: Tensor, value: Tensor, attention: Tensor) -> Tensor:
    """Return softmax attention (b, h, t, d) that never looks at positions where `attention` (b, t) is False.

    On a CPU plain matrix products are used: forward and backward of the fused kernel take 2.5 times as long there in
    bf16, the precision of training, at 128 positions (benchmarks/attention.py).
    """
    mask = attention[:, None, None, :]
    if query.device.type != "cpu":
        return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    score = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    mixed: Tensor = score.masked_fill(~mask, -1e4).softmax(dim=-1).to(value.dtype) @ value
    return mixed


class Block(nn.Module):
    """Self-attention and a GELU feed-forward layer, each after a LayerNorm and with a residual."""

    def __init__(self, size: int, heads: int, expansion: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(size)
        self.qkv = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.norm_feed = nn.LayerNorm(size)
        self.up = nn.Linear(size, expansion * size)
        self.down = nn.Linear(expansion * size, size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Return the new states (b, t, size); `attention` (b, t) bool is False on padding."""
        batch, length, size = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, length, 3, self.heads, size // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(rotary(query), rotary(key), value, attention)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, size))
        fed: Tensor = self.down(nn.functional.gelu(self.up(self.norm_feed(x)), approximate="tanh"))
        return x + fed
