"""What every encoder promises: token ids in, one state per nucleotide out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """One padded batch of token ids.

    Attributes:
        ids: (b, t) int64, padded on the right.
        attention: (b, t) bool, False on padding.
        residues: (b, t) bool, True only where a token stands for a nucleotide (no cls, eos, padding).
    """

    ids: Tensor
    attention: Tensor
    residues: Tensor

    def to(self, device: torch.device | str) -> TokenBatch:
        """Return the same batch on `device`."""
        return TokenBatch(self.ids.to(device), self.attention.to(device), self.residues.to(device))


class Encoder(Protocol):
    """Tokens to per-nucleotide states; every implementation is a `torch.nn.Module`.

    A padded batch gives the same states as each sequence alone (to rounding); states at positions that are
    not residues are undefined and have to be masked with `TokenBatch.residues`.
    """

    kind: str
    hidden_size: int
    max_length: int

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the padded tokens of `sequences` (upper-case RNA, at most `max_length` nucleotides each).

        Raises:
            InputError: a sequence is empty or longer than `max_length`.
        """
        ...

    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the states, (b, t, hidden_size), in the token positions of `batch`."""
        ...
