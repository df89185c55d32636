from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma import infernal, tools
from rhoma.alignment import Alignment, ungapped
from rhoma.msa import build as module
from rhoma.msa.aligners import choose_aligner
from rhoma.msa.build import BuildConfig, Built, build, choose_rows, core_of
from rhoma.msa.first import first_alignment
from rhoma.msa.outputs import features_of
from rhoma.sequences import Record
from rhoma.structure import pair_table

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("cmbuild", "cmalign")

PAIRS = ("GC", "CG", "AU", "UA", "GU", "UG")
STEM = 7


def homologs(count: int, rng: np.random.Generator) -> list[Record]:
    """Returns hairpins whose stem changes in pairs, with a loop of one sequence."""
    found = []
    for number in range(count):
        pairs = [PAIRS[rng.integers(len(PAIRS))] for _ in range(STEM)]
        left, right = "".join(p[0] for p in pairs), "".join(p[1] for p in pairs)[::-1]
        found.append(Record(f"r{number}", "", f"GGAUCCA{left}CUUCGGAAUC{right}ACGUUAGC"))
    return found


def made(records: list[Record], *, aligner: str = "cm", name: str = "family") -> Built:
    start = first_alignment(records[0], records[1:])
    config = BuildConfig(aligner=aligner)  # type: ignore[arg-type]
    return build(start.keep(choose_rows(start, config)), config, name=name)


def test_a_family_gets_its_structure_and_evidence() -> None:
    records = homologs(60, np.random.default_rng(1))
    built = made(records)
    letters = [ungapped(row) for row in built.alignment.rows]
    assert letters[0] == records[0].sequence
    assert set(letters) <= {record.sequence for record in records}
    first = next(n for n, letter in enumerate(built.alignment.rows[0]) if letter != "-")
    assert built.method == "cm"
    significant = [pair for pair in built.covariation if pair.significant and pair.paired]
    assert len(significant) >= STEM - 2
    assert len(pair_table(built.alignment.ss_cons)) >= STEM - 1
    assert built.alignment.lines["cov"].count("2") == 2 * len(significant)
    assert first == 0
    assert built.model.startswith("INFERNAL1/a")


@pytest.mark.tool("cmcalibrate", "cmsearch")
def test_a_model_is_calibrated_where_that_is_wanted(monkeypatch, tmp_path: Path) -> None:
    records = homologs(6, np.random.default_rng(1))
    start = first_alignment(records[0], records[1:])
    config = BuildConfig(aligner="cm", calibrate=True)
    # of random sequence as little as Infernal takes
    monkeypatch.setattr(infernal, "calibrate", partial(infernal.calibrate, megabases=0.01))
    built = build(start, config, name="family")
    assert re.findall(r"^ECM\w+", built.model, re.MULTILINE) == ["ECMLC", "ECMGC", "ECMLI", "ECMGI"]
    assert features_of(built, name="family")["CB"] == "cmcalibrate CM"
    assert [warning for warning in built.warnings if "calibrated" in warning] == []
    (tmp_path / "model.cm").write_text(built.model)
    (tmp_path / "targets.fa").write_text(f">t\n{'ACGGU' * 9}{records[1].sequence}{'GGUCA' * 9}\n")
    tools.run(["cmsearch", "--cpu", "0", "--tblout", "hits", "model.cm", "targets.fa"], cwd=tmp_path)
    best = next(line for line in (tmp_path / "hits").read_text().splitlines() if not line.startswith("#")).split()
    assert (best[0], int(best[7]) > 40, float(best[15]) < 1e-3) == ("t", True, True)
    monkeypatch.setattr(module, "_CALIBRATE_SECONDS", 0.05)
    late = build(start, config, name="family")
    assert late.model == build(start, BuildConfig(aligner="cm"), name="family").model
    assert "the covariance model is not calibrated: cmcalibrate: did not end within 0.05 seconds" in late.warnings


def test_many_rows_are_aligned_to_the_model_of_the_core_and_beyond_the_budget_to_its_profile(monkeypatch) -> None:
    records = homologs(90, np.random.default_rng(2))
    start = first_alignment(records[0], records[1:])
    start = start.keep(choose_rows(start, BuildConfig()))
    assert len(core_of(start)) == module.CORE
    whole = build(start, BuildConfig(aligner="cm"), name="family")
    monkeypatch.setattr(module, "_CMALIGN_BUDGET", 0.0)
    bounded = build(start, BuildConfig(aligner="cm"), name="family")
    for built in (whole, bounded):
        assert built.alignment.names == start.names
        assert [ungapped(row) for row in built.alignment.rows] == [ungapped(row) for row in start.rows]
        assert sum(pair.significant and pair.paired for pair in built.covariation) >= STEM - 2


@pytest.mark.parametrize(
    "letters",
    [
        ["GGGCGAAAGCCCAAGGACUU"],
        ["GGGCGAAAGCCCAAGGACUU", "GGACGAAAGUCCAAGGACUA"],
        ["GGGCGAAAGCCCAAGGACUU"] * 4,
        ["GGGCGAAAGCCCAAGGACUU", "N" * 20, "GGACGAAAGUCCAAGGACUA"],
        ["N" * 20, "N" * 19, "N" * 18],
        ["GGGCGAAAGCCCAAGGACUU", "GGGC", "ACUU"],
    ],
)
def test_few_short_identical_and_unknown_rows_end_well(letters: list[str]) -> None:
    built = made([Record(f"r{n}", "", sequence) for n, sequence in enumerate(letters)])
    assert ungapped(built.alignment.rows[0]) == letters[0]
    assert len(built.alignment.ss_cons) == built.alignment.columns
    assert built.model
    if len(built.alignment.rows) == 1:
        assert (built.method, built.warnings[0][:10]) == ("single", "no homolog")
    else:
        assert "effective sequences" in built.warnings[0]


def test_long_queries_keep_their_first_alignment(monkeypatch) -> None:
    monkeypatch.setattr(module, "LONG", 30)
    built = made(homologs(5, np.random.default_rng(3)), aligner="auto")
    assert (built.method, len(built.alignment.rows)) == ("profile", 5)
    assert "longer than 30 nt" in built.reason
    assert built.model


@pytest.mark.tool("mafft")
def test_very_long_queries_are_aligned_by_mafft() -> None:
    rng = np.random.default_rng(3)
    query = "".join(rng.choice(list("ACGU"), 10_000))
    start = first_alignment(Record("q", "", query), [Record("a", "", query[:5_000] + "ACGU" + query[5_000:])])
    assert [ungapped(row) for row in start.rows] == [query, query[:5_000] + "ACGU" + query[5_000:]]
    assert start.rf.count("x") == 10_000
    built = build(start, BuildConfig(), name="q")
    assert (built.method, built.model) == ("profile", "")
    assert "covariation is tested up to 1,000 columns, and was not" in " ".join(built.warnings)


@pytest.mark.parametrize(
    ("wanted", "rows", "length", "aligner", "said"),
    [
        ("cm", 10, 100, "cm", "asked for"),
        ("linsi", 10_000, 1_000, "linsi", "asked for"),
        ("structural", 10_000, 1_000, "structural", "asked for"),
        ("auto", 60, 100, "structural", "short enough"),
        ("auto", 5, 1_400, "linsi", "few enough"),
        ("auto", 60, 800, "linsi", "few enough"),
        ("auto", 60, 1_400, "cm", "too many"),
    ],
)
def test_the_aligner_and_why(wanted, rows, length, aligner, said, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    choice = choose_aligner(wanted, rows=rows, length=length)
    assert choice.aligner == aligner
    assert said in choice.reason


def test_without_mafft_auto_says_so(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None)
    choice = choose_aligner("auto", rows=60, length=800)
    assert (choice.aligner, choice.reason) == ("cm", "MAFFT is not installed")


def test_a_profile_of_one_row_aligns_whole_sequences() -> None:
    start = first_alignment(Record("q", "", "GGGCGAAAGCCCAAGG"), [Record("a", "", "UUGGGCGAAAGCCAAGGAA")])
    assert isinstance(start, Alignment)
    assert [ungapped(row) for row in start.rows] == ["GGGCGAAAGCCCAAGG", "UUGGGCGAAAGCCAAGGAA"]
    assert start.rf.count("x") == 16


@pytest.mark.usefixtures("crashing_cmbuild")
@pytest.mark.parametrize("aligner", ["cm", "structural"])
def test_rows_on_which_cmbuild_crashes_keep_their_alignment_and_structure(aligner: str) -> None:
    records = homologs(8, np.random.default_rng(3))
    built = made(records, aligner=aligner)
    assert [ungapped(row) for row in built.alignment.rows] == [record.sequence for record in records]
    assert len(pair_table(built.alignment.ss_cons)) >= STEM - 1
    assert built.model == ""
    assert built.method == {"cm": "profile"}.get(aligner, aligner)
    assert "cmbuild: failed with exit status" in built.reason
    assert any(warning.startswith("no covariance model: cmbuild: failed") for warning in built.warnings)
