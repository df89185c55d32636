from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from rhoma.errors import InputError, ToolError
from rhoma.evaluate.methods import ABLATIONS, ENTRIES, entries_of, infernal, make, nhmmer
from rhoma.evaluate.methods.base import Entry, Task
from rhoma.evaluate.methods.template import read_templates
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record, reverse_complement

if TYPE_CHECKING:
    from pathlib import Path

STEM = "GGGAUCCGAGCUAGCAUUGCCAGUAGCGGAUACGAUCUCGCUAAUGCUAGCUCGGAUCCCAUACGA"


def random_rna(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGU"), size=length))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A database of one homolog, one on the minus strand, and five random sequences."""
    rng = np.random.default_rng(1)
    near = STEM.replace("GCAUUG", "GCAAUG")
    records = [Record("near", "", random_rna(rng, 80) + near + random_rna(rng, 60))]
    records.append(Record("minus", "", reverse_complement(random_rna(rng, 50) + STEM + random_rna(rng, 90))))
    records += [Record(f"random{n}", "", random_rna(rng, 200)) for n in range(5)]
    write_fasta(tmp_path / "targets.fa", records)
    (tmp_path / "work").mkdir()
    return Task(targets=tmp_path / "targets.fa", work=tmp_path / "work")


def entry(name: str) -> Entry:
    return next(entry for entry in (*ENTRIES, *ABLATIONS) if entry.name == name)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("blastn", "blastn"),
        ("mmseqs", "mmseqs"),
        ("nhmmer", "nhmmer"),
        ("nhmmer-rounds", "nhmmer"),
        ("infernal", "cmsearch"),
        ("infernal-rounds", "cmsearch"),
    ],
)
def test_a_tool_finds_both_strands(task: Task, name: str, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"not on PATH: {program}")
    method = make(entry(name), task)
    assert all(path.exists() for path in method.build())
    found, nothing = method.search([Record("q", "", STEM), Record("none", "", "ACGUACGGCAUUCAGCAUUACGAC")])
    strands = {hit.target: hit.strand for hit in sorted(found.hits, key=lambda hit: hit.score)}
    assert (strands["near"], strands["minus"]) == ("+", "-")
    best = {hit.target: hit.score for hit in sorted(found.hits, key=lambda hit: hit.score)}
    assert all(best[other] < best["near"] for other in best if other.startswith("random"))
    assert (found.query, nothing.query) == ("q", "none")
    assert found.cost.wall > 0
    assert any(character.isdigit() for character in method.version())


@pytest.mark.tool("cmsearch")
def test_infernal_has_evalues_only_where_it_is_calibrated(task: Task) -> None:
    assert all(not e.evalues for e in entries_of("full", calibrate=False) if e.name.startswith("infernal"))
    calibrated = {e.name: e for e in entries_of("full", calibrate=True)}
    assert calibrated["infernal"].evalues
    method = make(entry("infernal"), task)
    method.build()
    (answer,) = method.search([Record("q", "", STEM)])
    assert answer.hits
    assert all(math.isnan(hit.evalue) for hit in answer.hits)
    assert set(answer.stages) == {"model", "search"}


@pytest.mark.tool("cmsearch")
def test_a_query_that_takes_too_long_has_no_answer(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    method = make(entry("infernal"), task)
    method.build()
    asked = method.search([Record("q", "", STEM), Record("slow", "", STEM[3:]), Record("again", "", STEM)])
    assert next(asked).hits
    with monkeypatch.context() as patched:
        patched.setattr(infernal, "_LIMIT_SECONDS", 1e-4)
        assert next(asked).hits == []
    assert next(asked).hits
    assert method.version().endswith("(1 queries without an answer)")
    monkeypatch.setattr(infernal, "_LIMIT_SECONDS", 1e-4)
    with pytest.raises(ToolError, match="did not end"):
        next(make(entry("infernal"), Task(targets=task.targets, work=task.work)).search([Record("x", "", STEM)]))


@pytest.mark.tool("cmsearch")
def test_the_oracle_needs_the_seed_alignment(task: Task) -> None:
    method = make(entry("infernal-oracle"), task)
    method.build()
    with pytest.raises(InputError, match="'q': the family has no reference alignment"):
        list(method.search([Record("q", "", STEM)]))


def test_tables_are_read_by_column(tmp_path: Path) -> None:
    path = tmp_path / "tbl"
    path.write_text("# comment\nt1 - q - 1 60 90 30 95 28 200 - 1.2e-05 23.4 0.1 -\n")
    assert nhmmer.read_table(path, "q") == [nhmmer.RankedHit("q", "t1", "-", 23.4, 1.2e-5)]


def test_every_preset_compares_rounds_with_rounds() -> None:
    for name in ("quick", "standard", "full"):
        chosen = {e.name: e for e in entries_of(name)}
        assert {"rhoma-auto", "nhmmer-rounds", "kmer", "blastn", "mmseqs", "infernal", "infernal-oracle"} <= set(chosen)
        assert chosen["nhmmer-rounds"].options["rounds"] == chosen["rhoma-auto"].options["iterations"]
    assert "infernal-rounds" in {e.name for e in entries_of("full")}
    assert "infernal-oracle" not in {e.name for e in entries_of("full", seeds=False)}


def test_ablations_are_settings_of_the_search() -> None:
    from rhoma.search import SearchConfig

    for one in ABLATIONS:
        SearchConfig(**{name: value for name, value in one.options.items() if name != "anchors"})
    assert len({one.name for one in ABLATIONS}) == len(ABLATIONS)


class TestTemplates:
    YAML: ClassVar[str] = """
- name: grep
  version: echo grep 1.0
  build: cp {targets} {work}/copy
  search: awk 'BEGIN{{OFS="\\t"}} /^>/ {{print substr($1, 2), "-", 7.5}}' {work}/copy
  columns: {target: 1, strand: 2, score: 3}
"""

    def test_a_tool_of_ones_own(self, tmp_path: Path, task: Task) -> None:
        path = tmp_path / "tools.yml"
        path.write_text(self.YAML)
        (own,) = read_templates(path)
        assert (own.name, own.evalues) == ("grep", False)
        assert own in entries_of("quick", extra=[own])
        method = make(own, Task(targets=task.targets, work=task.work))
        assert method.build() == [task.work]
        (answer,) = method.search([Record("q", "", STEM)])
        assert {(hit.target, hit.strand, hit.score) for hit in answer.hits} >= {("near", "-", 7.5)}
        assert len(answer.hits) == 7
        assert method.version() == "grep 1.0"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("name: x", "no list"),
            ("- {name: x, search: y}", "columns"),
            ("- {name: 'a b', search: y, columns: {target: 1, score: 2}}", "name"),
            ("- {name: x, search: y, columns: {target: 0, score: 2}}", r"columns\.target"),
            ("- [", "no YAML"),
        ],
    )
    def test_a_file_of_another_form(self, tmp_path: Path, text: str, problem: str) -> None:
        path = tmp_path / "tools.yml"
        path.write_text(text)
        with pytest.raises(InputError, match=problem):
            read_templates(path)

    def test_a_name_that_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "tools.yml"
        path.write_text("- {name: blastn, search: x, columns: {target: 1, score: 2}}")
        with pytest.raises(InputError, match="two methods are called blastn"):
            entries_of("quick", extra=read_templates(path))

    def test_a_table_of_another_form(self, tmp_path: Path, task: Task) -> None:
        path = tmp_path / "tools.yml"
        path.write_text("- {name: x, search: echo a b, columns: {target: 1, score: 2}}")
        (own,) = read_templates(path)
        method = make(own, Task(targets=task.targets, work=task.work))
        with pytest.raises(ToolError, match="unexpected line"):
            list(method.search([Record("q", "", STEM)]))
