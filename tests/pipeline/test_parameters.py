"""Parameters and samplesheets: Nextflow's own check and Python's jsonschema say the same of the same schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from .conftest import DEMO, ROOT

if TYPE_CHECKING:
    from .conftest import Nextflow

SCHEMA = json.loads((ROOT / "nextflow_schema.json").read_text())
SHEET_SCHEMA = json.loads((ROOT / "assets" / "schema_input.json").read_text())
QUERIES = str(DEMO / "queries.fasta")

# (parameters beside outdir, what the message must say; None where they are good)
PARAMETERS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"input": QUERIES, "database": QUERIES, "evalue": 1e-5, "iterations": 3}, None),
    ({"evalue": 10, "effort": "sensitive", "aligner": "linsi", "batch_size": 1}, None),
    ({"evalue": "banana"}, "--evalue 'banana': expected a number, above 0"),
    ({"evalue": 0}, "--evalue '0': expected a number, above 0"),
    ({"evalue": -1.5}, "--evalue '-1.5'"),
    ({"evalue": 1001}, "at most 1000"),
    ({"batch_size": 0}, "--batch_size '0': expected a whole number, at least 1"),
    ({"batch_size": 2.5}, "--batch_size '2.5': expected a whole number"),
    ({"max_homologs": "many"}, "--max_homologs 'many'"),
    ({"iterations": 101}, "at most 100"),
    ({"aligner": "muscle"}, "--aligner 'muscle': expected one of auto, structural, embed, cm, linsi, xinsi"),
    ({"device": "tpu"}, "expected one of cpu, gpu, auto"),
    ({"workflow": "serch"}, "--workflow 'serch'"),
    ({"effort": "much"}, "--effort 'much': expected one of fast, auto, sensitive"),
    ({"strict": "perhaps"}, "--strict 'perhaps': expected true or false"),
    ({"trace_report_suffix": "a/b"}, "letters, digits"),
    ({"evalu": 1}, "--evalu: there is no such parameter; did you mean --evalue?"),
    ({"batchSize": 1}, "did you mean --batch_size?"),
]
# (text of a samplesheet, what the message must say; None where it is good); {q} is a FASTA file
SAMPLESHEETS: list[tuple[str, str | None]] = [
    ("id,fasta\na,{q}\n", None),
    ('fasta,id\r\n"{q}",a\r\n{q},"b,c"\r\n', None),
    ("id,fasta\n", "no rows"),
    ("", "no rows"),
    ("id\na\n", "column 'fasta' is missing"),
    ("id,fasta,colour\na,{q},red\n", "unknown column 'colour'"),
    ("id,fasta\na,{q}\na,{q}\n", "id 'a' is there 2 times"),
    ("id,fasta\na,{q}.gone\n", "row 1: fasta '{q}.gone': there is no such file"),
    ("id,fasta\n,{q}\n", "row 1: id is empty"),
    ("id,fasta\na b,{q}\n", "a name without blanks"),
    ("id,fasta\na\n", "row 1: 1 fields where the header has 2"),
]

LONG = 50_000  # rows of a samplesheet

TRAIN: dict[str, Any] = {"workflow": "train", "rfam_release": "15.1"}
# (what is asked for, what the message must say; None where a run would start)
STARTS: list[tuple[dict[str, Any], str | None]] = [
    ({"input": QUERIES, "database": QUERIES}, None),
    ({"input": QUERIES}, "--database or --index: one of them is needed"),
    ({"input": QUERIES, "database": QUERIES, "index": "."}, "--database or --index: give one of them, not both"),
    ({"database": QUERIES}, "--input: a FASTA file or a samplesheet with the queries is needed"),
    ({"workflow": "index"}, "--database: a FASTA file with the sequences to index is needed"),
    ({"workflow": "msa"}, "--input: a FASTA file of homologs, a directory or pattern"),
    ({"workflow": "msa", "input": QUERIES}, None),
    ({"input": QUERIES, "database": QUERIES, "rfam_clanin": QUERIES}, "--rfam_clanin: the models of the families"),
    (TRAIN, None),
    ({"workflow": "train"}, "--rfam or --rfam_release: one of them is needed"),
    ({"workflow": "train", "rfam_release": "latest"}, "a release of Rfam such as 15.1"),
    ({**TRAIN, "preset": "quick"}, "expected jiang2025"),
    ({**TRAIN, "encoder": "rinalmo-micro"}, "--model_dir: the directory with the weights of"),
    ({**TRAIN, "train_config": "public.yml"}, "--model_dir: the directory with the weights of"),
    ({**TRAIN, "train_config": "bad.yml"}, "no YAML with settings"),
    ({**TRAIN, "encoder": "rnafm", "model_dir": "."}, "no download of a published encoder"),
    ({**TRAIN, "evaluation": "large"}, "none, quick, standard, full"),
]


def _python_accepts(given: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid({"outdir": "out", **given})


@pytest.fixture(scope="module")
def verdicts(nextflow: Nextflow, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What both parsers say of all cases; they must say the same."""
    launch = tmp_path_factory.mktemp("verdicts")
    sheets = []
    for number, (text, _) in enumerate(SAMPLESHEETS):
        path = launch / f"sheet{number}.csv"
        path.write_bytes(text.replace("{q}", QUERIES).encode())
        sheets.append(str(path))
    rows = "".join(f"query_{number},{QUERIES}\n" for number in range(LONG))
    (launch / "long.csv").write_text(f"id,fasta\n{rows}query_7,{QUERIES}\n")
    (launch / "public.yml").write_text("encoder: rnafm\n")
    (launch / "bad.yml").write_text("a: [\n")
    cases = {
        "parameters": [{"outdir": "out", **given} for given, _ in PARAMETERS] + _as_text(),
        "samplesheets": sheets,
        "long_sheet": str(launch / "long.csv"),
        "starts": [{**_defaults(), "outdir": "out", **given} for given, _ in STARTS],
        "names": ["maxHomologs", "batch-size", "inputs", "iteration"],
        "known": list(_properties()),
    }
    (launch / "cases.json").write_text(json.dumps(cases))
    answers = []
    for parser in ("v1", "v2"):
        answer = launch / f"{parser}.json"
        done = nextflow(
            *("run", Path(__file__).with_name("verdicts.nf"), "--cases", launch / "cases.json", "--verdicts", answer),
            cwd=launch,
            parser=parser,
        )
        assert done.returncode == 0, done.stdout
        answers.append(json.loads(answer.read_text()))
    seconds = [answer.pop("long_seconds") for answer in answers]
    assert answers[0] == answers[1]
    answers[0]["long_seconds"] = seconds
    return answers[0]


def _properties() -> dict[str, dict[str, Any]]:
    return {name: prop for group in SCHEMA["$defs"].values() for name, prop in group["properties"].items()}


def _defaults() -> dict[str, Any]:
    return {name: prop["default"] for name, prop in _properties().items() if "default" in prop}


def _as_text() -> list[dict[str, str]]:
    """The same values as a command line gives them where it does not guess types."""
    return [{"outdir": "7", "evalue": "1e-5", "batch_size": "20", "strict": "false", "seed": "7.0"}]


def test_schemas_are_valid() -> None:
    for schema in (SCHEMA, SHEET_SCHEMA):
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("number", range(len(PARAMETERS)), ids=[json.dumps(given) for given, _ in PARAMETERS])
def test_parameters_get_one_verdict(verdicts: dict[str, Any], number: int) -> None:
    given, message = PARAMETERS[number]
    values, problems = verdicts["parameters"][number]
    assert _python_accepts(given) == (message is None)
    if message is None:
        assert problems == []
        assert {name: values[name] for name in given} == given
    else:
        assert len(problems) == 1
        assert message in problems[0]


def test_text_is_cast(verdicts: dict[str, Any]) -> None:
    values, problems = verdicts["parameters"][-1]
    assert problems == []
    assert values["evalue"] == pytest.approx(1e-5)
    assert (values["batch_size"], values["seed"], values["strict"], values["outdir"]) == (20, 7, False, "7")


@pytest.mark.parametrize("number", range(len(SAMPLESHEETS)))
def test_samplesheets_get_one_verdict(verdicts: dict[str, Any], number: int) -> None:
    text, message = SAMPLESHEETS[number]
    rows, problems = verdicts["samplesheets"][number]
    if message is None:
        assert problems == []
        assert [row["fasta"] for row in rows] == [QUERIES] * len(rows)
        assert jsonschema.Draft202012Validator(SHEET_SCHEMA).is_valid(rows)
        assert text.count("{q}") == len(rows)
    else:
        assert len(problems) == 1
        assert f"sheet{number}.csv" in problems[0]
        assert message.replace("{q}", QUERIES) in problems[0]


def test_a_long_samplesheet_takes_time_in_proportion(verdicts: dict[str, Any]) -> None:
    """Comparing rows with each other would take minutes."""
    count, problems, last = verdicts["long_sheet"]
    assert count == LONG + 1
    assert problems == ["long.csv: id 'query_7' is there 2 times; ids must differ"]
    assert last == f'"query_7","input{LONG + 1}/queries.fasta"'
    assert max(verdicts["long_seconds"]) < 90


@pytest.mark.parametrize("number", range(len(STARTS)))
def test_what_cannot_be_started_is_told(verdicts: dict[str, Any], number: int) -> None:
    message, problems = STARTS[number][1], verdicts["starts"][number]
    assert message in problems[0] if message else problems == []


def test_nearest_names(verdicts: dict[str, Any]) -> None:
    assert verdicts["nearest"] == ["max_homologs", "batch_size", "input", "iterations"]


def test_defaults_of_config_and_schema_agree(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow("config", ROOT, "-o", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    params = json.loads(done.stdout[done.stdout.index("{") :])["params"]
    assert {name: value for name, value in params.items() if value is not None} == _defaults()
    assert set(params) == set(_properties())


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_help(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    done = nextflow.run("--help", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    shown = [name for name, prop in _properties().items() if not prop.get("hidden")]
    assert [name for name in shown if f"  --{name} " not in done.stdout] == []
    assert "-profile demo" in done.stdout
    assert not (tmp_path / "results").exists()


def test_version(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow.run("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"^rhoma \d+\.\d+\.\d+$", done.stdout, re.MULTILINE)
    assert not (tmp_path / "results").exists()


def test_every_parameter_is_in_the_usage() -> None:
    text = (ROOT / "docs" / "usage.md").read_text()
    assert [name for name in _properties() if f"`--{name}`" not in text] == []
