"""From the vector that training made to the one that is searched: whitening, and a part that counts soft words.

Neither has anything to train. A contrastive loss leaves most of the variance in few directions; whitening (Su et al.
2021, for sentence vectors) gives the others back their say. Soft words are what a k-mer counter sees, in a few hundred
numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FILTERS = 1024
_WORD = 9
# a filter answers from this many of its letters on; with fewer than half of them no word that reaches over an end does
_LETTERS = 5
_BASES = 4
# of the mean variance, added to each: the smallest variances are mostly noise
_FLOOR = 1e-2
# chosen on the validation families of the shipped encoder's split (benchmarks/finish.py)
POWER, WORD_POWER = 0.5, 0.75


class SoftWords(nn.Module):
    """Counts of words that may differ in some letters: random filters over the letters, summed over the sequence."""

    def __init__(self) -> None:
        super().__init__()
        letters = torch.randint(_BASES, (FILTERS, _WORD), generator=torch.Generator().manual_seed(0))
        filters = functional.one_hot(letters, _BASES).transpose(1, 2).float()
        self.filters = nn.Parameter(filters, requires_grad=False)

    def forward(self, letters: Tensor) -> Tensor:
        """Return (b, FILTERS) root counts of `letters` (b, t) int64: 1 to 4 bases, 5 other letters, 0 none."""
        bases = torch.arange(1, _BASES + 1, device=letters.device)[:, None]
        seen = (letters.unsqueeze(1) == bases).to(self.filters.dtype)
        matches = functional.conv1d(seen, self.filters, padding=_WORD // 2)
        return functional.relu(matches - (_LETTERS - 1)).sum(dim=2).sqrt()


class Whitening(nn.Module):
    """Unit vectors, centred and turned onto the main axes of a background, each axis with a variance nearer to one."""

    def __init__(self, size: int, kept: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.matrix = nn.Parameter(torch.eye(size, kept), requires_grad=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return unit vectors (b, kept) of `vectors` (b, size)."""
        centred = functional.normalize(vectors, dim=-1) - self.mean
        return functional.normalize(centred @ self.matrix, dim=-1)

    def fit(self, background: Tensor, power: float) -> None:
        """Set mean and axes from `background` (n, size), which are no relatives of each other.

        Args:
            background: vectors.
            power: 1 gives every axis the variance 1, 0 leaves the variances as they are.
        """
        vectors = functional.normalize(background.double(), dim=-1)
        mean = vectors.mean(dim=0)
        variance, axes = torch.linalg.eigh(torch.cov((vectors - mean).T))
        order = variance.argsort(descending=True)[: self.matrix.shape[1]]
        scale = (variance + _FLOOR * variance.mean()).clamp(min=1e-12) ** (-power / 2)
        matrix = axes[:, order] * scale[order]
        # of a size that half precision holds
        self.mean.copy_(mean)
        self.matrix.copy_(matrix / matrix.abs().max())


class Finish(nn.Module):
    """The head's vector whitened, beside it the whitened soft words; both parts count the same.

    Args:
        size: of the head's vector.
        whitened: axes kept of it; 0 leaves the vector as it is.
        words: axes kept of the soft words; 0 leaves them out.
    """

    def __init__(self, size: int, whitened: int, words: int) -> None:
        super().__init__()
        self.learned = Whitening(size, whitened) if whitened else None
        self.words = SoftWords() if words else None
        self.counted = Whitening(FILTERS, words) if words else None
        self.dimension = (whitened or size) + words

    def forward(self, vectors: Tensor, letters: Tensor | None) -> Tensor:
        """Return (b, dimension) vectors of the head's `vectors` (b, size) and the `letters` (b, t)."""
        if self.learned is not None:
            vectors = self.learned(vectors)
        if self.words is None or self.counted is None:
            return vectors
        assert letters is not None
        counted = self.counted(self.words(letters))
        return torch.cat([functional.normalize(vectors, dim=-1), counted], dim=-1)

    @torch.no_grad()
    def fit(self, vectors: Tensor, counts: Tensor | None) -> None:
        """Fit both parts to a background: the head's vectors (n, size) and, where there are words, their counts."""
        if self.learned is not None:
            self.learned.fit(vectors, POWER)
        if self.counted is not None and counts is not None:
            self.counted.fit(counts, WORD_POWER)
