from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.index import letters as module
from rhoma.index.letters import Letters, write_letters
from rhoma.index.names import Names, Texts, write_names, write_texts
from rhoma.sequences import IUPAC

if TYPE_CHECKING:
    from pathlib import Path

sequences = st.lists(st.text(alphabet="AACCGGUU" + "N" * 4 + IUPAC, max_size=40), max_size=12)


@settings(max_examples=200)
@given(texts=sequences, chunk=st.integers(1, 60), data=st.data())
def test_letters_come_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str], chunk: int, data: st.DataObject):
    path = tmp_path_factory.mktemp("letters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)
        write_letters(path, texts)
    letters = Letters(path, np.cumsum([len(text) for text in texts], dtype=np.int64))
    assert (path / "letters.2bit").stat().st_size == letters.n_bytes == -(-sum(map(len, texts)) // 4)
    for number, text in enumerate(texts):
        assert letters.fetch(number, 0, len(text)) == text
        start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        assert letters.fetch(number, start, end) == text[start:end]


def test_a_long_run_is_one_entry(tmp_path: Path):
    write_letters(tmp_path, ["ACGU" + "N" * 1000 + "R" * 3 + "ACG", "NNA"])
    runs = np.load(tmp_path / "letters.others.npy")
    assert runs.tolist() == [(4, 1000, ord("N")), (1004, 3, ord("R")), (1010, 2, ord("N"))]


@given(st.sets(st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=6), max_size=30))
def test_names_are_found(tmp_path_factory: pytest.TempPathFactory, given_names: set[str]):
    path = tmp_path_factory.mktemp("names")
    ordered = sorted(given_names, key=hash)
    write_names(path, ordered)
    names = Names(path)
    assert list(names) == ordered
    assert [names.find(name) for name in ordered] == list(range(len(ordered)))
    for absent in ("", "zz\uffff", *(name + "x" for name in ordered)):
        assert (names.find(absent) is None) == (absent not in given_names)


def test_empty_texts(tmp_path: Path):
    write_texts(tmp_path, "descriptions", ["", "", "a b\u00e9", ""])
    assert list(Texts(tmp_path, "descriptions")) == ["", "", "a b\u00e9", ""]
    write_texts(tmp_path, "none", [])
    assert len(Texts(tmp_path, "none")) == 0
