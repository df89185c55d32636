"""Sequences in, their vectors out in the same order: what is equal or shared is embedded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import InputError
from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

# from sequences and the number of strands to vectors (n, strands, d)
Forward = Callable[[list[str], int], "NDArray[np.float32]"]
# from windows of full length and the number of strands to (numbers of some, their vectors), until all were there
OnTape = Callable[[list[str], int], "Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]"]


class BatchedEmbedder:
    """An embedder over a function from a list of sequences to vectors; equal sequences are embedded once.

    Args:
        forward: from sequences and 1 or 2 strands to their vectors, (n, strands, d).
        name: of the model.
        sha256: its fingerprint.
        dimension: length of a vector.
        window: length of a window.
        stride: distance of windows.
        batch_nucleotides: nucleotides a call of `forward`.
        padded: `forward` takes sequences of different length at once.
        both: length from which on `forward` gives both strands, at little more than the price of one; or None.
        tape: from windows of full length and strands to (numbers, vectors), what they share embedded once.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        name: str,
        sha256: str,
        dimension: int,
        window: int,
        stride: int,
        batch_nucleotides: int = 4_096,
        padded: bool = True,
        both: int | None = None,
        tape: OnTape | None = None,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.dimension = dimension
        self.window = window
        self.stride = stride
        self._forward = forward
        self._batch = batch_nucleotides
        self._padded = padded
        self._both = both
        self._tape = tape

    def embed(
        self, sequences: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return (n, d) float32 unit rows in the order of `sequences`.

        Sequences of like length share a batch, of equal length where `padded` is False; padding moves a vector by
        rounding only. What windows share that follow each other is embedded once where there is a `tape`, and a
        sequence and its reverse complement where the model gives `both` strands.

        Raises:
            InputError: an empty sequence, or one longer than the window.
        """
        distinct: dict[str, list[int]] = {}
        for row, sequence in enumerate(sequences):
            if not 0 < len(sequence) <= self.window:
                raise InputError(
                    f"a window of {len(sequence)} nt does not fit the model {self.name}",
                    remedy=f"cut sequences into windows of 1 to {self.window} nt",
                )
            distinct.setdefault(sequence, []).append(row)
        single, double = (list(distinct), []) if self._both is None else _by_strands(distinct, self._both)
        out = np.empty((len(sequences), self.dimension), dtype=np.float32)
        done = 0
        for group, strands in ((single, 1), (double, 2)):
            for part, vectors in self._vectors(group, strands):
                vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-12)
                for sequence, of_strands in zip(part, vectors, strict=True):
                    out[distinct[sequence]] = of_strands[0]
                    if strands == 2:
                        out[distinct[reverse_complement(sequence)]] = of_strands[1]
                done += len(part) * strands
                if progress is not None:
                    progress(done, len(distinct))
        return out

    def _vectors(self, sequences: list[str], strands: int) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield some of the sequences with their vectors (n, strands, d), until all were there."""
        if self._tape is not None:
            whole = [sequence for sequence in sequences if len(sequence) == self.window]
            for numbers, vectors in self._tape(whole, strands):
                yield [whole[number] for number in numbers], vectors
            sequences = [sequence for sequence in sequences if len(sequence) < self.window]
        ordered = sorted(sequences, key=lambda s: (len(s), s))
        start = 0
        while start < len(ordered):
            end = start + 1
            while end < len(ordered) and (end - start + 1) * len(ordered[end]) <= self._batch:
                if not self._padded and len(ordered[end]) > len(ordered[start]):
                    break
                end += 1
            yield ordered[start:end], self._forward(ordered[start:end], strands)
            start = end


def _by_strands(sequences: Mapping[str, object], shortest: int) -> tuple[list[str], list[str]]:
    """Return the sequences that stand alone, and the first of each pair of reverse complements of enough length."""
    single: list[str] = []
    double: list[str] = []
    paired: set[str] = set()
    for sequence in sequences:
        if sequence in paired:
            continue
        other = reverse_complement(sequence)
        if len(sequence) >= shortest and other in sequences and other != sequence:
            double.append(sequence)
            paired.add(other)
        else:
            single.append(sequence)
    return single, double
