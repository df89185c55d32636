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
        pairing: (b, t, 2) float32 where a head asks for it: how probably a residue pairs with a later one, and with an
            earlier one.
    """

    ids: Tensor
    attention: Tensor
    residues: Tensor
    pairing: Tensor | None = None

    def to(self, device: torch.device | str) -> TokenBatch:
        """Return the same batch on `device`."""
        pairing = None if self.pairing is None else self.pairing.to(device)
        return TokenBatch(self.ids.to(device), self.attention.to(device), self.residues.to(device), pairing)


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
