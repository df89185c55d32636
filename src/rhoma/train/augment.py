"""Views of an RNA that keep its homology: evolution, truncation, flanks, windows.

Sequences are uint8 arrays of letter codes 0 to 3 (A, C, G, U) and 4 (any other letter); `pairs` is an int
array of the same length that holds the partner of a paired position and -1 elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTERS = np.frombuffer(b"ACGUN", dtype=np.uint8)
_CODES = np.full(256, 4, dtype=np.uint8)
_CODES[LETTERS[:4]] = np.arange(4, dtype=np.uint8)
_CODES[ord("T")] = 3

# canonical and wobble pairs as codes, with the frequency that structured RNAs show (GC > AU > GU)
_PAIRS = np.array([(2, 1), (1, 2), (0, 3), (3, 0), (2, 3), (3, 2)], dtype=np.uint8)
_PAIR_WEIGHTS = np.array([0.29, 0.27, 0.17, 0.15, 0.06, 0.06])


class AugmentConfig(BaseModel):
    """How far views of one RNA may differ.

    Attributes:
        window: longest view in nucleotides.
        substitutions: largest fraction of positions that mutate in a real member.
        synthetic_substitutions: smallest and largest fraction in a synthetic family, and largest in a lone member.
        transitions: how many times as often as each of the others a base becomes the one like it (A and G, C and U);
            seed alignments show 2.0 between members of 50 to 90 % identity.
        indels: expected indel events per nucleotide.
        bare: share of short RNAs that come without flanks.
        truncate: share of short RNAs that lose up to 40 % of their length.
        rate_shape: shape of the gamma distribution of the positions' rates; smaller is more uneven.
        grid: starts of windows in long RNAs are multiples of it; 0 allows any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=128, ge=16)
    substitutions: float = Field(default=0.15, ge=0, le=1)
    synthetic_substitutions: tuple[float, float] = (0.1, 0.5)
    transitions: float = Field(default=2.0, ge=0)
    indels: float = Field(default=0.03, ge=0)
    bare: float = Field(default=0.35, ge=0, le=1)
    truncate: float = Field(default=0.2, ge=0, le=1)
    rate_shape: float = Field(default=0.6, gt=0)
    grid: int = Field(default=0, ge=0)

    @classmethod
    def none(cls, window: int, grid: int) -> AugmentConfig:
        """Return settings under which every view is a window of a member as it is."""
        return cls(
            window=window,
            substitutions=0.0,
            synthetic_substitutions=(0.0, 0.0),
            indels=0.0,
            bare=1.0,
            truncate=0.0,
            grid=grid,
        )


def encode(sequence: str) -> NDArray[np.uint8]:
    """Return the letter codes of an upper-case sequence, (n,) uint8."""
    return _CODES[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]


def decode(codes: NDArray[np.uint8]) -> str:
    """Return the letters of `codes`."""
    return LETTERS[codes].tobytes().decode("ascii")


def evolve(
    codes: NDArray[np.uint8],
    pairs: NDArray[np.int32],
    rates: NDArray[np.float64],
    distance: float,
    indels: float,
    rng: np.random.Generator,
    transitions: float = 1.0,
) -> NDArray[np.uint8]:
    """Return a descendant of `codes`: substitutions (compensated at paired positions), then indels in loops.

    Args:
        codes: (n,) letter codes.
        pairs: (n,) partner or -1.
        rates: (n,) relative rate of each position, mean 1; shared by the views of a family, as conserved
            blocks are.
        distance: expected fraction of positions that mutate.
        indels: expected number of indel events per nucleotide; they fall on unpaired positions only.
        rng: source of randomness.
        transitions: how many times as often as each of the others a base becomes the one like it.
    """
    size = len(codes)
    new = codes.copy()
    hit = rng.random(size) < np.minimum(rates * distance, 0.75)
    paired = pairs >= 0
    single = hit & ~paired
    # A, C, G, U: two on is the transition
    shares = np.array([1.0, transitions, 1.0]) / (2.0 + transitions)
    new[single] = (new[single] + rng.choice(3, int(single.sum()), p=shares).astype(np.uint8) + 1) % 4
    left = np.flatnonzero(hit & paired & (pairs > np.arange(size)))
    if left.size:
        drawn = _PAIRS[rng.choice(len(_PAIRS), size=left.size, p=_PAIR_WEIGHTS)]
        new[left], new[pairs[left]] = drawn[:, 0], drawn[:, 1]
    events = rng.poisson(indels * size) if indels > 0 else 0
    loops = np.flatnonzero(~paired)
    if events and loops.size:
        repeat = np.ones(size, dtype=np.int64)
        places = rng.choice(loops, size=events)
        lengths = rng.geometric(0.5, size=events)
        for place, length, delete in zip(places, lengths, rng.random(events) < 0.5, strict=True):
            if delete:
                repeat[place : place + length] = np.where(paired[place : place + length], 1, 0)
            else:
                repeat[place] += length
        origin = np.repeat(np.arange(size), repeat)
        inserted = np.r_[False, origin[1:] == origin[:-1]] if origin.size else np.zeros(0, dtype=bool)
        new = new[origin]
        new[inserted] = rng.integers(0, 4, int(inserted.sum()), dtype=np.uint8)
    return new if new.size >= 15 else codes


def synthetic_ancestor(pairs: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random sequence that can form `pairs`: a new family with the fold of a real one."""
    weights = rng.dirichlet(np.full(4, 8.0))
    codes = rng.choice(4, size=len(pairs), p=weights).astype(np.uint8)
    left = np.flatnonzero(pairs > np.arange(len(pairs)))
    drawn = _PAIRS[rng.choice(len(_PAIRS), size=left.size, p=_PAIR_WEIGHTS)]
    codes[left], codes[pairs[left]] = drawn[:, 0], drawn[:, 1]
    return codes


def place(
    codes: NDArray[np.uint8], centre: float, config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return what a window of at most `config.window` nt might hold of an RNA.

    A long RNA is cut around `centre` (0 to 1, shared by the views of a family so that they overlap); a short
    one comes bare, or inside random flanks of its own composition, now and then reaching over the window's
    edge.
    """
    window, size = config.window, len(codes)
    if size > window:
        start = int(centre * (size - window) + rng.uniform(-0.2, 0.2) * window)
        start = min(max(start, 0), size - window)
        if config.grid:
            start -= start % config.grid
        return codes[start : start + window]
    if rng.random() < config.truncate and size > 40:
        keep = int(size * rng.uniform(0.6, 1.0))
        start = int(rng.integers(0, size - keep + 1))
        codes = codes[start : start + keep]
    if rng.random() < config.bare:
        return codes
    composition = np.bincount(codes[codes < 4], minlength=4) + 1.0
    view = rng.choice(4, size=window, p=composition / composition.sum()).astype(np.uint8)
    # the RNA may reach over an edge by up to a quarter of its length
    over = len(codes) // 4
    start = int(rng.integers(-over, window - len(codes) + over + 1))
    low, high = max(start, 0), min(start + len(codes), window)
    view[low:high] = codes[low - start : high - start]
    return view
