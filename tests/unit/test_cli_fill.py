from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rhoma.cli import run

from .af3_rules import check_a3m, check_job

ONE, TWO = "ACGUNACGUACGUACGUACG", "GGGGCCCCAAAAUUUUGGGG"
A3M = {ONE: f">one\n{ONE}\n>h/1-20\nACGU-ACGUaACGUACGUACG\n", TWO: f">two\n{TWO}\n"}
AF3 = {
    "name": "complex",
    "modelSeeds": [1, 2],
    "sequences": [
        {"protein": {"id": "P", "sequence": "MKV"}},
        {"rna": {"id": ["A", "B"], "sequence": ONE.replace("N", "R").replace("U", "T").lower()}},
        {"rna": {"id": "C", "sequence": TWO, "unpairedMsa": None}},
        {"rna": {"id": "D", "sequence": "ACGU"}},
        {"dna": {"id": "E", "sequence": "ACGT"}},
    ],
    "dialect": "alphafold3",
    "version": 2,
}
PROTENIX = [
    {
        "name": "job",
        "sequences": [
            {"proteinChain": {"sequence": "MKV", "count": 1}},
            {"rnaSequence": {"sequence": TWO, "count": 2}},
        ],
    },
    {"name": "other", "sequences": [{"rnaSequence": {"sequence": ONE, "count": 1}}]},
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The directory of a run with two queries."""
    out = tmp_path / "out"
    for name, text in (("one", A3M[ONE]), ("two", A3M[TWO])):
        (out / "queries" / name).mkdir(parents=True)
        (out / "queries" / name / "msa.a3m").write_text(text)
    return out


def filled(tmp_path: Path, document: Any, *options: str) -> Any:
    (tmp_path / "job.json").write_text(json.dumps(document))
    assert run(["fill", str(tmp_path / "job.json"), "-o", str(tmp_path / "filled.json"), *options]) == 0
    return json.loads((tmp_path / "filled.json").read_text())


def test_every_rna_chain_of_an_alphafold_job_is_filled(tmp_path: Path, results: Path, capfd) -> None:
    job = filled(tmp_path, AF3, "--results", str(results))
    check_job(job)
    chains = [entry["rna"] for entry in job["sequences"] if "rna" in entry]
    assert chains[0]["sequence"] == ONE
    assert [chain.get("unpairedMsa") for chain in chains] == [A3M[ONE], A3M[TWO], None]
    # nothing else has changed
    assert {key: job[key] for key in job if key != "sequences"} == {key: AF3[key] for key in AF3 if key != "sequences"}
    assert [job["sequences"][i] for i in (0, 3, 4)] == [AF3["sequences"][i] for i in (0, 3, 4)]  # type: ignore[index]
    said = capfd.readouterr().err
    assert "WARNING complex, chain A,B: T written as U" in said
    assert "INFO complex, chain C: alignment of two" in said
    assert "WARNING complex, chain D: no alignment has its sequence" in said


def test_protenix_is_given_files(tmp_path: Path, results: Path) -> None:
    jobs = filled(tmp_path, PROTENIX, "--results", str(results))
    assert [job["name"] for job in jobs] == ["job", "other"]
    chains = [entry["rnaSequence"] for job in jobs for entry in job["sequences"] if "rnaSequence" in entry]
    assert [set(chain) for chain in chains] == [{"sequence", "count", "unpairedMsaPath"}] * 2
    for chain in chains:
        path = Path(chain["unpairedMsaPath"])
        assert path.is_absolute()
        assert path.parent == tmp_path / "filled_msa"
        check_a3m(path.read_text(), chain["sequence"])
    first = (tmp_path / "filled.json").read_bytes()
    filled(tmp_path, PROTENIX, "--results", str(results))
    assert (tmp_path / "filled.json").read_bytes() == first


def test_an_alignment_is_given_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a=b.a3m"
    path.write_text(A3M[TWO].replace("U", "T"))
    job = filled(tmp_path, AF3, "--msa", str(path))
    assert job["sequences"][2]["rna"]["unpairedMsa"] == A3M[TWO]
    jobs = filled(tmp_path, PROTENIX, "--msa", f"mine={path}")
    assert Path(jobs[0]["sequences"][1]["rnaSequence"]["unpairedMsaPath"]).name == "mine.a3m"


def test_queries_of_one_name_get_files_of_their_own(tmp_path: Path) -> None:
    for number, sequence in enumerate((ONE, TWO)):
        (tmp_path / f"{number}.a3m").write_text(A3M[sequence])
    options = [part for number in (0, 1) for part in ("--msa", f"x={tmp_path}/{number}.a3m")]
    jobs = filled(tmp_path, PROTENIX, *options)
    chains = [entry["rnaSequence"] for job in jobs for entry in job["sequences"] if "rnaSequence" in entry]
    for chain in chains:
        check_a3m(Path(chain["unpairedMsaPath"]).read_text(), chain["sequence"])


@pytest.mark.parametrize("there", [{"unpairedMsa": ""}, {"unpairedMsaPath": "my.a3m"}])
def test_an_alignment_that_is_there_stays(tmp_path: Path, results: Path, capfd, there: dict[str, str]) -> None:
    document = {**AF3, "sequences": [{"rna": {"id": "A", "sequence": TWO, **there}}]}
    assert filled(tmp_path, document, "--results", str(results)) == document
    assert "chain A: has an alignment already, which stays; --overwrite replaces it" in capfd.readouterr().err
    job = filled(tmp_path, document, "--results", str(results), "--overwrite")
    assert job["sequences"][0]["rna"] == {"id": "A", "sequence": TWO, "unpairedMsa": A3M[TWO]}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no job with a list of 'sequences'"),
        ('{"sequences": {}}', "holds no job with a list of 'sequences'"),
        ('{"sequences": [{"protein": {"id": "A", "sequence": "MK"}}]}', "holds no RNA chain (no 'rna'"),
        ('{"name": "x", "sequences": [{"rna": {"id": "A"}}]}', "record 'x': the RNA of entry 1"),
        ('[{"dialect": "alphafoldserver", "sequences": []}]', "is for AlphaFold Server, which takes no alignments"),
        ('{"sequences": [{"rna": {"id": "A", "sequence": "ACGU"}}]}', "no RNA chain has the sequence of a query"),
    ],
)
def test_what_cannot_be_filled_is_refused(tmp_path: Path, results: Path, capfd, document: str, problem: str) -> None:
    (tmp_path / "job.json").write_text(document)
    options = ["--results", str(results), "-o", str(tmp_path / "filled.json")]
    assert run(["fill", str(tmp_path / "job.json"), *options]) == 1
    said = capfd.readouterr().err
    assert problem in said
    assert "job.json" in said
    assert "Remedy: " in said
    assert not (tmp_path / "filled.json").exists()


def test_alignments_have_to_be_given(tmp_path: Path, capfd) -> None:
    (tmp_path / "job.json").write_text(json.dumps(AF3))
    arguments = ["fill", str(tmp_path / "job.json"), "-o", str(tmp_path / "filled.json")]
    assert run(arguments) == 2
    assert run([*arguments, "--results", str(tmp_path)]) == 1
    assert "holds no msa.a3m" in capfd.readouterr().err
    assert run([*arguments, "--msa", "x=gone.a3m"]) == 1
    assert "gone.a3m: no such file" in capfd.readouterr().err
