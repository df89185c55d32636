"""The words encoder: how well each of many learned words matches at each nucleotide.

One convolution over letters. It begins as a counter of random words that may differ in some letters, and is trained
from there: all words share substitution scores, which say how much of a match another letter is (what evolution
exchanges often counts more), and the weights of places in a word; beside these every word becomes a motif of its own.
A sequence's vector is the Euclidean norm of each word's matches (`NormHead`), so that states of all nucleotides never
have to stand in memory at once, neither in training (`MatchNorms`) nor in onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from rhoma.models.encoders.protocol import TokenBatch
from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BASES = 4
# sequences whose matches are made at a time: they stay in the processor's cache
_CHUNK = {"cpu": 8, "cuda": 512}
# of a norm's square, so that its gradient is finite at zero
_LEAST = 1e-6
# more than any word can match
_SILENT = 1e4


class WordsConfig(BaseModel):
    """Sizes of the words encoder.

    Attributes:
        filters: number of words; the second half are the reverse complements of the first.
        width: letters of a word.
        threshold: letters beyond which a word matches, before training.
        transitions: what a letter counts that evolution exchanges most easily (A and G, C and U), before training.
        max_length: longest sequence in nucleotides.
        seed: of the random words that training begins with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: int = Field(default=1536, ge=2, multiple_of=2)
    width: int = Field(default=11, ge=1)
    threshold: float = Field(default=4.25, ge=0)
    transitions: float = Field(default=0.45, ge=0, le=1)
    max_length: int = Field(default=1022, ge=1)
    seed: int = 0


class WordsEncoder(nn.Module):
    """Squared rectified matches of words; the state at a nucleotide is of the words that begin there.

    Squares, and their norms, let one nearly whole word count far more than many half ones.
    States whose word would reach over the sequence's end are zero, so what a window holds does not depend on what
    stands beside it. A word and its reverse complement share their weights: the reverse complement of a sequence has
    the same norms, with the halves exchanged.
    """

    kind = "words"
    # shares of the learning rate: thousands of weights of single words wander where the few shared ones have learned
    rates: ClassVar[dict[str, float]] = {"words": 0.1, "bias": 0.1, "scores": 0.3, "places": 0.3, "threshold": 0.3}

    def __init__(self, config: WordsConfig) -> None:
        super().__init__()
        self.config = config
        self.hidden_size = config.filters
        self.max_length = config.max_length
        letters = torch.randint(
            _BASES, (config.filters // 2, config.width), generator=torch.Generator().manual_seed(config.seed)
        )
        # (words, bases, width), as a convolution takes it
        self.words = nn.Parameter(functional.one_hot(letters, _BASES).transpose(1, 2).float().contiguous())
        # of single words, beside the threshold of all
        self.bias = nn.Parameter(torch.zeros(config.filters // 2))
        self.threshold = nn.Parameter(torch.tensor(config.threshold))
        # from the letter of a word to the letter that is seen
        # A, C, G, U: a base and the one two places on
        self.scores = nn.Parameter(torch.eye(_BASES) + config.transitions * torch.eye(_BASES).roll(2, dims=1))
        self.places = nn.Parameter(torch.ones(config.width))
        self._table = lookup_table(COMPACT_VOCABULARY, unknown=5)

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the padded tokens: 1 to 4 are the bases, 5 any other letter, which matches no word."""
        ids, attention, residues = tokenize(sequences, self._table, max_length=self.max_length)
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(attention), torch.from_numpy(residues))

    def matches(self, ids: Tensor) -> Tensor:
        """Return the matches (b, filters, t - width + 1) of the words in `ids` (b, t), t at least the width."""
        return next(self.matches_of_groups(ids, self.config.filters))

    def matches_of_groups(self, ids: Tensor, size: int) -> Iterator[Tensor]:
        """Yield `matches` in parts of `size` filters."""
        seen = self._seen(ids)
        filters, bias = self._filters()
        for part, own in zip(torch.split(filters, size), torch.split(bias, size), strict=True):
            yield functional.relu(functional.conv1d(seen, part, own)).square()

    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the states, (b, t, filters)."""
        ids = self._long_enough(batch.ids)
        states = self.matches(ids).transpose(1, 2) * self._within(batch.residues).unsqueeze(-1)
        return functional.pad(states, (0, 0, 0, self.config.width - 1))[:, : batch.ids.shape[1]]

    def norms(self, batch: TokenBatch) -> Tensor:
        """Return the Euclidean norms (b, filters) of the states over each sequence, with gradients."""
        seen = self._seen(self._long_enough(batch.ids))
        norms: Tensor = MatchNorms.apply(seen, self._within(batch.residues), *self._filters())
        return norms

    def _filters(self) -> tuple[Tensor, Tensor]:
        """Return filters (f, 4, width) and biases (f,): the words, then their reverse complements."""
        words = (self.words.transpose(1, 2) @ self.scores).transpose(1, 2) * self.places
        # A, C, G, U: the complement of a base is as far from the other end
        return torch.cat([words, words.flip(1, 2)]), self.bias.repeat(2) - self.threshold

    def _long_enough(self, ids: Tensor) -> Tensor:
        """Return `ids` padded to the length of a word."""
        return functional.pad(ids, (0, max(0, self.config.width - ids.shape[1])))

    def _seen(self, ids: Tensor) -> Tensor:
        """Return (b, 4, t) which base stands where."""
        bases = torch.arange(1, _BASES + 1, device=ids.device)[:, None]
        return (ids.unsqueeze(1) == bases).to(self.words.dtype)

    def _within(self, residues: Tensor) -> Tensor:
        """Return (b, words) whether the word that begins here ends in the sequence; always for the first one."""
        places = max(1, residues.shape[1] - self.config.width + 1)
        last = residues.sum(dim=1, keepdim=True) - self.config.width
        return torch.arange(places, device=residues.device) <= last.clamp(min=0)


class MatchNorms(torch.autograd.Function):
    """Norms of squared rectified matches over positions, a few sequences at a time, forward and backward.

    What autograd would keep, half a megabyte a window and thousand words, is made a second time instead.
    """

    @staticmethod
    def forward(ctx: Any, seen: Tensor, within: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
        """Return norms (b, f) for `seen` (b, 4, t), `within` (b, words), `filters` (f, 4, w) and `bias` (f,)."""
        ctx.save_for_backward(seen, within, filters, bias)
        weights = _weights(filters)
        squares = [
            torch.addmm(bias, words, weights).relu_().square_().square_().view(rows, -1, len(filters)).sum(dim=1)
            for words, rows in _parts(seen, within, filters.shape[2])
        ]
        ctx.norms = smoothed(torch.cat(squares))
        return ctx.norms.clone()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, Tensor]:
        """Return the gradients of filters and bias."""
        seen, within, filters, bias = ctx.saved_tensors
        scale = 2 * gradients[0] / ctx.norms
        weights = _weights(filters)
        of_weights, of_bias = torch.zeros_like(weights), torch.zeros_like(bias)
        row = 0
        for words, rows in _parts(seen, within, filters.shape[2]):
            slope = torch.addmm(bias, words, weights).relu_().pow_(3).view(rows, -1, len(filters))
            slope *= scale[row : row + rows, None]
            slope = slope.view(-1, len(filters))
            of_weights.addmm_(words.T, slope)
            of_bias += slope.sum(dim=0)
            row += rows
        return None, None, of_weights[:-1].T.reshape(filters.shape), of_bias


def smoothed(squares: Tensor) -> Tensor:
    """Return the roots of sums of squares, with a finite slope at zero."""
    return (squares + _LEAST).sqrt()


def _weights(filters: Tensor) -> Tensor:
    """Return filters (f, 4, w) as a matrix (4 w + 1, f); its last row silences a word that is none."""
    return torch.cat([filters.flatten(1).T, filters.new_full((1, len(filters)), -_SILENT)])


def _parts(seen: Tensor, within: Tensor, width: int) -> Iterator[tuple[Tensor, int]]:
    """Yield the letters of all words of a few sequences, (words, 4 width + 1), and how many sequences these are."""
    size = _CHUNK[seen.device.type]
    for part, inside in zip(torch.split(seen, size), torch.split(within, size), strict=True):
        letters = part.unfold(2, width, 1).permute(0, 2, 1, 3).reshape(-1, part.shape[1] * width)
        yield torch.cat([letters, (~inside).reshape(-1, 1).to(letters.dtype)], dim=1), len(part)
