from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.errors import InputError
from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table, tokenize

LETTERS = st.text(alphabet="ACGUTNRYSWKMBDHV", min_size=1, max_size=40)


@given(st.lists(LETTERS, min_size=1, max_size=6))
def test_tokens_of_a_batch_are_those_of_each_sequence(sequences: list[str]) -> None:
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)
    ids, attention, residues = tokenize(sequences, table, max_length=40, first=7, last=8)
    assert ids.shape == attention.shape == residues.shape
    for row, sequence in enumerate(sequences):
        assert ids[row][residues[row]].tolist() == [COMPACT_VOCABULARY[c] for c in sequence]
        assert ids[row][attention[row]].tolist() == [7, *ids[row][residues[row]].tolist(), 8]
        assert not ids[row][~attention[row]].any()


@given(st.lists(LETTERS, min_size=1, max_size=6))
def test_table_gives_what_multimolecule_gives(sequences: list[str]) -> None:
    multimolecule = pytest.importorskip("multimolecule")
    reference = multimolecule.RnaTokenizer()
    vocabulary = reference.get_vocab()
    letters = {letter: token for letter, token in vocabulary.items() if len(letter) == 1}
    table = lookup_table(letters | {"T": letters["U"]}, unknown=vocabulary["<unk>"])
    ids, attention, residues = tokenize(
        sequences,
        table,
        max_length=40,
        pad=vocabulary["<pad>"],
        first=vocabulary["<cls>"],
        last=vocabulary["<eos>"],
    )
    expected = reference(sequences, padding=True, return_tensors="np")
    assert ids.tolist() == expected["input_ids"].tolist()
    assert attention.astype(int).tolist() == expected["attention_mask"].tolist()
    assert residues.sum(1).tolist() == [len(s) for s in sequences]


def test_empty_and_long_sequences_are_refused() -> None:
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)
    with pytest.raises(InputError, match="empty"):
        tokenize(["ACGU", ""], table, max_length=10)
    with pytest.raises(InputError, match="limit of 3"):
        tokenize(["ACGU"], table, max_length=3)


def test_no_sequences_give_an_empty_batch() -> None:
    ids, attention, residues = tokenize([], lookup_table(COMPACT_VOCABULARY, unknown=5), max_length=10)
    assert ids.shape[0] == attention.shape[0] == residues.shape[0] == 0
    assert ids.dtype == np.int64
