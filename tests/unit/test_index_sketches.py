"""Links between sequences that may be near copies, against a plain reading of what they are."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.index import sketches
from rhoma.index.sketches import SHORTEST, Sketches

RNG = np.random.default_rng(3)


def text(length: int, letters: str = "ACGU") -> str:
    return "".join(RNG.choice(list(letters), length))


def mutated(sequence: str, share: float) -> str:
    return "".join(str(RNG.choice(list("ACGU"))) if RNG.random() < share else letter for letter in sequence)


def plain_links(sequences: list[str], numbers: list[int]) -> list[int]:
    """Returns what ``links`` says where every k-mer is in the sketches."""
    order = sorted(numbers, key=lambda n: (-len(sequences[n]), n))
    kmers = {
        n: {
            s
            for i in range(len(sequences[n]) - SHORTEST + 1)
            if set(s := sequences[n][i : i + SHORTEST]) <= set("ACGU")
        }
        for n in numbers
    }
    holders = defaultdict(list)
    for number in order:
        for kmer in kmers[number]:
            holders[kmer].append(number)
    shared: dict[int, Counter[int]] = defaultdict(Counter)
    for longest, *others in holders.values():
        for number in others:
            shared[number][longest] += 1
    linked = []
    for number in numbers:
        good = [
            (-count, order.index(other), other)
            for other, count in shared[number].items()
            if count >= max(2, sketches._SHARED * 0.9**SHORTEST * len(kmers[number]))
        ]
        linked.append(numbers.index(min(good)[2]) if good else numbers.index(number))
    return linked


@st.composite
def families(draw: st.DrawFn) -> list[str]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    roots = ["".join(rng.choice(list("ACGUN"), rng.integers(1, 90), p=[0.24] * 4 + [0.04])) for _ in range(3)]
    result = []
    for _ in range(draw(st.integers(1, 12))):
        root = roots[int(rng.integers(3))]
        low = int(rng.integers(0, max(1, len(root) // 3)))
        piece = root[low:] + "".join(rng.choice(list("ACGU"), rng.integers(0, 20)))
        result.append("".join(str(rng.choice(list("ACGU"))) if rng.random() < 0.05 else c for c in piece) or "A")
    return result


@given(families(), st.integers(1, 200), st.randoms(use_true_random=False))
def test_links_are_those_of_shared_kmers(sequences, batch, random):
    numbers = sorted(random.sample(range(len(sequences)), random.randint(1, len(sequences))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches, "_FEWEST", 1000)
        patch.setattr(sketches, "_BATCH", batch)
        found = Sketches(sequences).links(np.array(numbers, dtype=np.int64), 0.9)
    assert found.tolist() == plain_links(sequences, numbers)


def test_sketches_of_near_copies_are_linked_to_the_longest_and_strangers_are_not():
    root = text(600)
    sequences = [root[:560], text(600), root, mutated(root[20:], 0.05), text(40)]
    assert Sketches(sequences).links(np.arange(5), 0.9).tolist() == [2, 1, 2, 2, 4]
    assert Sketches(sequences).links(np.array([0, 1, 3]), 0.9).tolist() == [2, 1, 2], "places among those asked for"


def test_more_letters_need_longer_kmers():
    assert Sketches(["ACGU"]).k == SHORTEST
    assert Sketches(["ACGU" * 1_100_000]).k == 13
    assert Sketches(["ACGU" * 5_000_000]).k == 14


def test_no_sequences_no_kmers_no_links():
    assert Sketches([]).links(np.empty(0, dtype=np.int64), 0.9).tolist() == []
    assert Sketches(["ACGU", "N" * 50, "ACGU"]).links(np.arange(3), 0.9).tolist() == [0, 1, 2]
