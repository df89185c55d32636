from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhoma.shuffle import dinucleotide_shuffle


@given(st.text(alphabet="ACGUN", max_size=200), st.integers(0, 2**32 - 1))
def test_dinucleotides_and_ends_are_kept(sequence: str, seed: int):
    shuffled = dinucleotide_shuffle(sequence, np.random.default_rng(seed))
    assert Counter(pairwise(shuffled)) == Counter(pairwise(sequence))
    assert len(shuffled) == len(sequence)
    assert shuffled[:1] == sequence[:1]
    assert shuffled[-1:] == sequence[-1:]
    assert shuffled == dinucleotide_shuffle(sequence, np.random.default_rng(seed))


def test_all_sequences_with_these_dinucleotides_are_equally_likely():
    sequence = "ACAGACGA"
    wanted = Counter(pairwise(sequence))
    possible = {
        text
        for letters in permutations(sequence[1:-1])
        if Counter(pairwise(text := sequence[0] + "".join(letters) + sequence[-1])) == wanted
    }
    rng = np.random.default_rng(1)
    draws = 4000
    seen = Counter(dinucleotide_shuffle(sequence, rng) for _ in range(draws))
    assert set(seen) == possible
    expected = draws / len(possible)
    chi_squared = sum((seen[text] - expected) ** 2 / expected for text in possible)
    # Mean and standard deviation of chi squared are f and sqrt(2 f).
    freedom = len(possible) - 1
    assert chi_squared < freedom + 5 * (2 * freedom) ** 0.5


def test_long_sequences_change():
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGU"), 500))
    shuffled = dinucleotide_shuffle(sequence, rng)
    assert sum(a == b for a, b in zip(sequence, shuffled, strict=True)) < 250
