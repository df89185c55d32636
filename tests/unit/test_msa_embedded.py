"""Alignments by an encoder's states, and the states themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.alignment import Alignment
from rhoma.cli import run
from rhoma.errors import InputError, ToolError
from rhoma.io.stockholm import read_stockholm
from rhoma.msa.build import BuildConfig, build
from rhoma.msa.embedded import embedded_alignment
from rhoma.sequences import reverse_complement
from rhoma.structure import pair_table

from .test_encoders import save_public

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def test_states_align_what_letters_cannot() -> None:
    # letter n of the second row is like letter n of the first, but for three that are inserted
    first, second = "GACUGACUGGACAUACGACU", "ACGACUGACU" + "GGG" + "CUGCGUAUGA"
    order = [*range(10), 30, 31, 32, *range(10, 20)]
    known = {first: np.eye(40, dtype=np.float32)[:20], second: np.eye(40, dtype=np.float32)[order]}

    def states(sequences: Sequence[str]) -> list[NDArray[np.float32]]:
        return [known[text] for text in sequences]

    made = embedded_alignment(Alignment(("a", "b"), (first + "---", second)), states)
    assert made.rows == (first[:10] + "---" + first[10:], second)


def test_without_states_the_aligner_is_refused() -> None:
    rows = ("GGCAUCGAUUCGGAUCAUCG", "GGCAUGGAUUCGCAUCAUCG")
    with pytest.raises(InputError, match="'embed' needs an encoder"):
        build(Alignment(("a", "b"), rows), BuildConfig(aligner="embed"), name="x")


@pytest.fixture
def texts() -> list[str]:
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list("ACGU"), size)) for size in (20, 1, 300, 64)]


def test_states_of_a_bundle_have_one_row_a_letter(tiny_bundle: Path, texts: list[str]) -> None:
    from rhoma.models.states import load_states

    states = load_states(tiny_bundle)
    found = states(texts)
    assert [len(rows) for rows in found] == [len(text) for text in texts]
    assert {rows.dtype for rows in found} == {np.dtype(np.float32)}
    for text, rows in zip(texts, found, strict=True):
        assert states([text])[0] == pytest.approx(rows, abs=1e-4)


def test_windows_of_long_sequences_are_one(texts: list[str]) -> None:
    from rhoma.models.encoders.words import WordsConfig, WordsEncoder
    from rhoma.models.states import NucleotideStates

    def states(longest: int) -> NDArray[np.float32]:
        encoder = WordsEncoder(WordsConfig(filters=64, width=5, threshold=2.0, max_length=longest))
        return NucleotideStates(encoder.eval(), "words")([texts[2]])[0]

    whole = states(1000)
    # words of 5 reach 4 letters back, and a window is read from its second quarter on
    assert states(64) == pytest.approx(whole, abs=1e-5)
    assert np.abs(whole).sum() > 0


def test_a_letter_has_the_mean_of_the_words_that_hold_it(texts: list[str]) -> None:
    import torch

    from rhoma.models.encoders.words import WordsConfig, WordsEncoder
    from rhoma.models.states import NucleotideStates

    encoder = WordsEncoder(WordsConfig(filters=16, width=4, threshold=1.0)).eval()
    with torch.inference_mode():
        single = encoder.encode(encoder.tokenize(texts[:1])).numpy()[0]
    found = NucleotideStates(encoder, "words")(texts[:1])[0]
    for letter in (0, 2, 7, 19):
        assert found[letter] == pytest.approx(single[max(0, letter - 3) : letter + 1].sum(axis=0) / 4, abs=1e-5)


def test_without_torch_the_remedy_is_named(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rhoma.models.states import load_states

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ToolError, match=r"rhoma\[train\]"):
        load_states(tiny_bundle)


def homologs() -> str:
    rng = np.random.default_rng(3)
    lines = []
    for number in range(8):
        left = "".join(rng.choice(list("ACGU"), 8))
        lines.append(f">r{number}\nGGAUCCA{left}CUUCGGAA{reverse_complement(left)}ACGUUAGC\n")
    return "".join(lines)


@pytest.mark.tool("cmbuild", "cmalign")
@pytest.mark.parametrize("model", ["bundle", "rnabert"])
def test_the_command_aligns_by_states(model: str, tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "family.fa").write_text(homologs())
    options = ["--model", str(tiny_bundle)]
    if model == "rnabert":
        options = ["--model", "rnabert", "--model-dir", str(save_public("rnabert", tmp_path / "weights"))]
    out = tmp_path / "out"
    command = ["align", str(tmp_path / "family.fa"), "--out", str(out), "--aligner", "embed", "--threads", "1"]
    assert run([*command, *options]) == 0
    row = (out / "msa.tsv").read_text().splitlines()[1].split("\t")
    assert "embed+cm" in row
    assert len(pair_table(read_stockholm(out / "family" / "msa.sto").ss_cons)) >= 6


@pytest.mark.tool("cmbuild", "cmalign")
def test_the_command_names_a_model_that_is_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "family.fa").write_text(homologs())
    command = ["align", str(tmp_path / "family.fa"), "--out", str(tmp_path / "out"), "--aligner", "embed"]
    assert run([*command, "--threads", "1", "--model", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capfd.readouterr().err
