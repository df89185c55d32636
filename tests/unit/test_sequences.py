from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.sequences import IUPAC, digest, repetition, reverse_complement, safe_name

rna = st.text(alphabet=IUPAC, max_size=300)


@given(rna)
def test_reverse_complement_agrees_with_biopython(sequence: str):
    from Bio.Seq import Seq

    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement_rna())
    assert reverse_complement(reverse_complement(sequence)) == sequence


def test_digests_differ():
    assert digest("ACGU") == digest("ACGU") != digest("ACGA")
    assert len(digest("ACGU")) == 32


@given(st.lists(st.text(max_size=300), min_size=2, max_size=6, unique=True))
def test_safe_names_are_injective_and_safe(texts: list[str]):
    safe = [safe_name(text) for text in texts]
    assert len(set(safe)) == len(texts)
    for name in safe:
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%")
        assert name[0] not in ".-"
        assert 0 < len(name) <= 200


def test_safe_names_are_readable():
    assert safe_name("tRNA-Phe_1.2") == "tRNA-Phe_1.2"
    assert safe_name("../a;b") == "%2E.%2Fa%3Bb"
    assert safe_name("$(rm -rf x)") == "%24%28rm%20-rf%20x%29"
    assert safe_name("100%") == "100%25"


@pytest.mark.parametrize(
    ("sequence", "value"), [("", 0), ("ACG", 0), ("ACGU", 0), ("AAAA", 64), ("ACACAC", 64 * 4 / 12)]
)
def test_repetition_counts_equal_triplets(sequence: str, value: float) -> None:
    assert repetition(sequence) == pytest.approx(value)


def test_repetition_of_random_letters_is_one() -> None:
    letters = "".join(np.random.default_rng(1).choice(list("ACGU"), 5000))
    assert repetition(letters) == pytest.approx(1, abs=0.1)
    assert repetition(letters[:60] + 30 * "A" + 30 * "G" + 30 * "U") > 4
