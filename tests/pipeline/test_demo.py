"""Real searches: what the demo must find, and that a run gives the same bytes however it came about."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from .conftest import DEMO, ROOT, Finished, results, table, trace

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Nextflow

pytestmark = [pytest.mark.slow, pytest.mark.tool("mmseqs", "mafft", "cmalign")]

EVALUE = 1e-3
# beginning of a query's name: (least recall, least precision) at EVALUE; the tRNAs of all kingdoms and organelles are
# too far apart to be found all from one of them, and Vault RNAs have their promoter (two of them a whole tRNA's shape)
WANTED = {"tRNA": (0.9, 0.9), "RNaseP": (1.0, 1.0), "U1": (0.95, 1.0)}
QUERIES = [line[1:].split()[0] for line in (DEMO / "queries.fasta").read_text().splitlines() if line.startswith(">")]
PER_QUERY = {
    "homologs.fasta",
    "msa.sto",
    "msa.a3m",
    "msa.aln",
    "af3.json",
    "covariation.tsv",
    "model.cm",
    "structure.svg",
}


def _records(path: Path) -> list[tuple[str, str]]:
    """Returns (header, sequence) of a FASTA file."""
    parts = [part.split("\n", 1) for part in path.read_text().split(">")[1:]]
    return [(header, "".join(body.split())) for header, body in parts]


def test_all_files_are_there(demo: Finished) -> None:
    for query in QUERIES:
        assert {path.name for path in (demo.out / "queries" / query).iterdir()} == PER_QUERY
        assert json.loads((demo.out / "queries" / query / "af3.json").read_text())["sequences"]
        assert "#=GC SS_cons" in (demo.out / "queries" / query / "msa.sto").read_text()
    for name in ("hits.tsv", "hits.m8", "hits.gff3", "hits.bed", "report.html", "msa.tsv", "index/manifest.json"):
        assert (demo.out / name).stat().st_size > 0
    page = (demo.out / "report.html").read_text()
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert all(query in page for query in QUERIES)


@pytest.mark.parametrize("query", QUERIES)
def test_recall_and_precision(demo: Finished, query: str) -> None:
    truth = {row["target"] for row in table(DEMO / "truth.tsv") if row["query"] == query}
    hits = [row for row in table(demo.out / "hits.tsv") if row["query"] == query]
    found = {row["target"] for row in hits if float(row["evalue"]) <= EVALUE}
    recall, precision = WANTED[query.split("_")[0]]
    assert len(found & truth) / len(truth) >= recall
    assert len(found & truth) / len(found) >= precision
    strands = {row["target"]: row["strand"] for row in table(DEMO / "truth.tsv") if row["query"] == query}
    assert all(row["strand"] == strands[row["target"]] for row in hits if row["target"] in found & truth)


def test_hidden_contig_is_found_in_its_place(demo: Finished) -> None:
    (truth,) = [row for row in table(DEMO / "truth.tsv") if row["target"] == "contig_1"]
    (hit,) = [
        row for row in table(demo.out / "hits.tsv") if row["target"] == "contig_1" and float(row["evalue"]) < EVALUE
    ]
    assert hit["strand"] == truth["strand"] == "-"
    # local alignments may leave some nucleotides at the ends out, and add none
    assert abs(int(hit["tstart"]) - int(truth["tstart"])) <= 15
    assert abs(int(hit["tend"]) - int(truth["tend"])) <= 15


@pytest.mark.tool("multiqc")
def test_multiqc_has_the_queries_the_versions_and_the_parameters(demo: Finished) -> None:
    page = (demo.out / "multiqc" / "multiqc_report.html").read_text()
    queries = [header.split()[0] for header, _ in _records(DEMO / "queries.fasta")]
    data = json.loads((demo.out / "multiqc" / "multiqc_data" / "multiqc_data.json").read_text())
    raw = data["report_saved_raw_data"]
    rows = raw["multiqc_rhoma_queries_table"]
    assert list(rows) == queries
    hits = table(demo.out / "hits.tsv")
    quality = {row["query"]: row for row in table(demo.out / "msa.tsv")}
    for query, row in rows.items():
        passing = [hit for hit in hits if hit["query"] == query and float(hit["evalue"]) <= EVALUE]
        assert (row["Hits"], row["Homologs"]) == (len(passing), int(quality[query]["homologs"]))
        assert row["Neff"] == pytest.approx(float(quality[query]["neff"]), abs=0.05)
        assert row["Rounds"] >= 1
        assert f'data-original-sn="{query}"' in page
    assert raw["multiqc_rhoma_parameters_table"]["evalue"] == {"Value": "0.001"}
    versions = {
        row["Sample"]: row for row in table(demo.out / "multiqc" / "multiqc_data" / "multiqc_software_versions.txt")
    }
    assert versions["QUERY_ALIGN"]["infernal"]
    assert versions["Workflow"]["nextflow"]
    assert "MULTIQC:\n  multiqc: '" in (demo.out / "pipeline_info" / "software_versions.yml").read_text()


def test_the_platform_shows_what_is_there(demo: Finished) -> None:
    patterns = yaml.safe_load((ROOT / "tower.yml").read_text())["reports"]
    # of other runs: with a query that fails, and of the benchmark
    absent = {pattern for pattern in patterns if not list(demo.out.rglob(pattern.removeprefix("**/")))}
    assert absent == {"failed.tsv", "**/benchmark.md"}


def test_tables_agree(demo: Finished) -> None:
    rows = table(demo.out / "hits.tsv")
    lines = [line.split("\t") for line in (demo.out / "hits.m8").read_text().splitlines()]
    assert [line[:2] for line in lines] == [[row["query"], row["target"]] for row in rows]
    # rows whose E-values round to the same digits stand in the order of the exact ones
    keys = [(row["query"], float(row["evalue"])) for row in rows]
    assert keys == sorted(keys)


def test_the_command_without_nextflow_gives_the_same(demo: Finished, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from rhoma.cli import main; main()", "search", DEMO / "queries.fasta"]
    options = ["--labels", DEMO / "labels.tsv", "--out", tmp_path / "out", "--threads", "2"]
    subprocess.run([*command, DEMO / "database.fasta", *options], check=True)
    here, there = ({p.relative_to(out): p.read_bytes() for p in _results(out)} for out in (tmp_path / "out", demo.out))
    assert here == there


def _results(out: Path) -> list[Path]:
    """Returns all files of a run but those that tell how it was run."""
    own = ("index", "pipeline_info", "multiqc", "report.html", "parameters.json", "versions.yml")
    return [p for p in out.rglob("*") if p.is_file() and p.relative_to(out).parts[0] not in own]


def test_resume_does_nothing_again(demo: Finished, nextflow: Nextflow) -> None:
    before = results(demo.out)
    done = nextflow.run("-profile", "demo", "--outdir", "again", "--save_index", "-resume", cwd=demo.launch)
    assert done.returncode == 0, done.stdout
    tasks = trace(demo.launch, "again")
    # split, embed, segment, join; prepare, embed, MMseqs2, search, align, report; MultiQC: so small a database has no
    # code book
    assert len(tasks) == 11
    assert {task["status"] for task in tasks} == {"CACHED"}
    assert results(demo.launch / "again") == before


def test_index_and_samplesheet_give_the_same(demo: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    """Another run, by the index that the first one made, with a file a query: the same tables and alignments."""
    lines = ["id,fasta"]
    for number, (header, sequence) in enumerate(_records(DEMO / "queries.fasta")):
        path = tmp_path / f"a query, {number}.fa"
        path.write_text(f">{header}\r\n{sequence.lower().replace('u', 't')}\r\n")
        lines.append(f'{header.split()[0]},"{path.name}"')
    (tmp_path / "sheet.csv").write_text("\n".join(lines))
    done = nextflow.run(
        *("--input", "sheet.csv", "--index", demo.out / "index", "--labels", DEMO / "labels.tsv"),
        *("--outdir", "out", "--batch_size", "2", "--skip_multiqc"),
        cwd=tmp_path,
        parser="v2",
    )
    assert done.returncode == 0, done.stdout
    mine, theirs = results(tmp_path / "out"), results(demo.out)
    # the page tells of the parameters
    assert mine.pop("report.html") != theirs.pop("report.html")
    assert mine == theirs


def test_kill_and_resume_give_the_same(demo: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    arguments = ("-profile", "demo", "--database", DEMO / "database.fasta", "--skip_multiqc", "--outdir", "out")

    def searching() -> bool:
        return any(path.name.endswith(".search") for path in (tmp_path / "work").glob("*/*/*.search*"))

    def started() -> bool:
        scripts = (tmp_path / "work").glob("*/*/.command.sh")
        return searching() or any("query.py search" in path.read_text() for path in scripts)

    nextflow.kill_in_the_middle(*arguments, cwd=tmp_path, reached=started)
    assert not (tmp_path / "out" / "hits.tsv").exists()
    done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    states = {task["name"].split(" ")[0].split(":")[-1]: task["status"] for task in trace(tmp_path)}
    assert states["EMBED"] == "CACHED"
    assert states["QUERY_REPORT"] == "COMPLETED"
    assert results(tmp_path / "out") == results(demo.out)


def test_names_reach_no_shell_and_no_path(nextflow: Nextflow, tmp_path: Path) -> None:
    """Hostile names, a database of one sequence, a query without any hit and one that is too short."""
    (query,) = [sequence for header, sequence in _records(DEMO / "queries.fasta") if header.startswith("U1")]
    names = ["$(touch${IFS}pwned)", "`touch`;touch", "../../up", "'\"quotes\"'", "sp|P1|X"]
    text = "".join(f">{name} $(touch pwned) ; ../x\tand a tab\n{query}\n" for name in names)
    random = "".join("ACGU"[byte % 4] for seed in range(3) for byte in hashlib.sha256(bytes([seed])).digest())
    source = tmp_path / "my queries; $(touch pwned) 'x'.fasta"
    source.write_text(f"{text}>nothing\n{random}\n>short\nACGUACGU\n")
    relative = next(row["target"] for row in table(DEMO / "truth.tsv") if row["query"].startswith("U1"))
    (target,) = [sequence for header, sequence in _records(DEMO / "database.fasta") if header.split()[0] == relative]
    database = tmp_path / "a database $(touch pwned).fa"
    database.write_text(f">gb|`touch`;../$(touch)'|x a\ttab\n{target}\n>`touch pwned`\nACGU$(touch pwned)\n")
    done = nextflow.run("--input", source, "--database", database, "--outdir", "my out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert list(tmp_path.rglob("*pwned")) == []
    rows = table(tmp_path / "my out" / "hits.tsv")
    good = [row for row in rows if float(row["evalue"]) <= EVALUE]
    assert sorted(row["query"] for row in good) == sorted(names)
    assert {row["target"] for row in good} == {"gb|`touch`;../$(touch)'|x"}
    directories = {path.name for path in (tmp_path / "my out" / "queries").iterdir()}
    assert len(directories) == len(names) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9%_][A-Za-z0-9%._-]*", name) for name in directories)
    assert {path.name for path in (tmp_path / "my out" / "queries" / "nothing").iterdir()} <= PER_QUERY
    (left_out,) = table(tmp_path / "my out" / "skipped_records.tsv")
    assert (left_out["file"], left_out["line"]) == (database.name, "3")
    assert "short" in (tmp_path / "my out" / "report.html").read_text()


def test_no_query_long_enough_is_no_error(demo: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "q.fa").write_text(">a\nACGU\n>b\nACGUA\n")
    shutil.copytree(demo.out / "index", tmp_path / "index")
    done = nextflow.run("--input", "q.fa", "--index", "index", "--outdir", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert table(tmp_path / "out" / "hits.tsv") == []
    assert (tmp_path / "out" / "report.html").is_file()
