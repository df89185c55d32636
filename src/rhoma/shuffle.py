"""Null sequences: shuffles that keep every dinucleotide count and both ends.

Source: S. F. Altschul and B. W. Erickson, Mol Biol Evol 2:526 (1985). The last edges of the letters are drawn
    by
Wilson's loop-erased random walk (STOC 1996), so that every such sequence is equally likely and none is
rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _last_edges(successors: dict[int, NDArray[np.uint8]], root: int, rng: np.random.Generator) -> dict[int, int]:
    """Returns the place of the last edge of every letter but ``root``: a uniform tree towards ``root``."""
    chosen: dict[int, int] = {}
    in_tree = {root}
    for letter in successors:
        here = letter
        while here not in in_tree:
            chosen[here] = int(rng.integers(len(successors[here])))
            here = int(successors[here][chosen[here]])
        here = letter
        while here not in in_tree:
            in_tree.add(here)
            here = int(successors[here][chosen[here]])
    return chosen


def dinucleotide_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """Returns a random sequence with the same dinucleotides, first and last letter, all equally likely.

    Args:
        sequence: ASCII letters, of any alphabet; fewer than four letters come back as they are.
        rng: the source of randomness, which the call advances.
    """
    if len(sequence) < 4:
        return sequence
    codes = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)
    first, last = int(codes[0]), int(codes[-1])
    successors = {int(letter): codes[1:][codes[:-1] == letter] for letter in np.unique(codes[:-1])}
    edges = _last_edges(successors, last, rng)
    walks: dict[int, list[int]] = {}
    for letter, following in successors.items():
        place = edges.get(letter) if letter != last else None
        rest = following.copy() if place is None else np.delete(following, place)
        rng.shuffle(rest)
        order = rest.tolist() if place is None else [*rest.tolist(), int(following[place])]
        walks[letter] = order[::-1]
    path = bytearray([first])
    here = first
    for _ in range(len(sequence) - 1):
        here = walks[here].pop()
        path.append(here)
    return path.decode("ascii")
