"""``rhoma search`` as a user runs it: from FASTA to results in one command."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rhoma import infernal
from rhoma.artifacts import MANIFEST
from rhoma.cli import run
from rhoma.errors import ToolError
from rhoma.index.describe import describe_index
from rhoma.io.failed import read_failed
from rhoma.io.families import UNKNOWN, read_families
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.hits import read_hits_tsv
from rhoma.io.skipped import read_skipped
from rhoma.msa import align
from rhoma.run import search as run_search
from rhoma.search import searcher
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

pytestmark = pytest.mark.tool("cmbuild", "cmalign", "cmsearch")

DEMO = Path(__file__).parents[2] / "assets" / "demo"
# tRNA (clan CL00001 with tRNA-Sec), Vault, snR75, Plant_SRP, tRNA-Sec
SUITE = Path("/usr/share/doc/infernal/examples/testsuite")
suite = pytest.mark.skipif(not SUITE.is_dir(), reason=f"{SUITE} is missing: it comes with Debian's infernal")
TABLES = {
    *("hits.tsv", "hits.m8", "hits.tblout", "hits.gff3", "hits.bed", "msa.tsv", "skipped_records.tsv"),
    *("report.html", "rhoma_queries_mqc.tsv", "parameters.json", "versions.yml"),
}
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


def rhoma(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Returns a finished ``rhoma`` with these variables besides."""
    return subprocess.run(
        [sys.executable, "-c", "from rhoma.cli import main; main()", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(directory: Path) -> dict[str, bytes]:
    """Returns all files below a directory by their paths in it, hidden ones too."""
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a directory, with a blank and a letter that is no ASCII in its path, of a small part of the demo.

    Two queries, one of which has no homolog, in ``queries.fasta``; a tRNA's relatives in ``database.fasta.gz``, with a
    record that cannot be used.
    """
    directory: Path = tmp_path_factory.mktemp("one é")
    queries, _ = read_fasta(DEMO / "queries.fasta")
    letters = random.Random(3)
    alone = Record("alone", "", "".join(letters.choice("ACGU") for _ in range(90)))
    write_fasta(directory / "queries.fasta", [next(q for q in queries if q.id.startswith("tRNA")), alone])
    records, _ = read_fasta(DEMO / "database.fasta")
    text = "".join(f">{r.id}\n{r.sequence}\n" for r in records if len(r.sequence) < 100)
    (directory / "database.fasta.gz").write_bytes(gzip.compress(f"{text}>void\nNNNNNNNNNNNNNNNNNNNN\n".encode()))
    (directory / "labels.tsv").write_bytes((DEMO / "labels.tsv").read_bytes())
    return directory


COMMAND = ("search", "queries.fasta", "database.fasta.gz", "--effort", "fast", "--batch-size", "1", "--threads", "1")


@pytest.fixture(scope="module")
def finished(data: Path) -> Path:
    """Returns the results of a search."""
    done = rhoma(*COMMAND, "-o", "out", "--labels", "labels.tsv", "--save-index", "index", cwd=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "skipped void" in done.stderr
    assert "out: 2 queries, 1 with homologs" in done.stderr
    return data / "out"


def test_one_command_leaves_what_the_pipeline_leaves(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == TABLES | {"queries"}
    for query in ("alone", "tRNA_X63088"):
        assert {path.name for path in (finished / "queries" / query).iterdir()} == PER_QUERY
    hits = read_hits_tsv(finished / "hits.tsv")
    found = [hit for hit in hits if hit.evalue <= 1e-3]
    assert {hit.query for hit in found} == {"tRNA_X63088"}
    assert len(found) >= 10
    assert {hit.family for hit in found} >= {"tRNA"}
    assert [one.id for one in read_skipped(finished / "skipped_records.tsv")] == ["void"]
    assert json.loads((finished / "parameters.json").read_text())["effort"] == "fast"
    # what E-values refer to
    size = describe_index(finished.parent / "index")["database_size"]
    assert f"The database stands for <b>{size:,}</b> comparisons (Z)" in (finished / "report.html").read_text()
    # nothing is left beside the results
    assert {path.name for path in finished.parent.iterdir() if path.name.startswith(".")} == set()


def test_the_steps_of_the_pipeline_give_the_same(finished: Path, tmp_path: Path) -> None:
    data = finished.parent
    index, labels = str(data / "index"), str(data / "labels.tsv")
    steps = str(tmp_path / "steps")
    queries = str(data / "queries.fasta")
    anchored = tmp_path / "search"
    # without MMseqs2, whose hits the pipeline gives to its tasks
    manifest = json.loads((data / "index" / MANIFEST).read_text())
    (tmp_path / "index").mkdir()
    for path in (data / "index").iterdir():
        if path.name != MANIFEST:
            (tmp_path / "index" / path.name).symlink_to(path)
    (tmp_path / "index" / MANIFEST).write_text(json.dumps({**manifest, "mmseqs": None}))
    index = str(tmp_path / "index")
    assert rhoma(*COMMAND[:2], index, *COMMAND[3:], "-o", anchored, "--labels", labels, cwd=data).returncode == 0
    options = ["--threads", "1", "--quiet"]
    assert run(["embed", "--fasta", queries, "--out", f"{steps}.store", "--strands", "both", *options]) == 0
    search = ["--batch", queries, "--index", index, "--store", f"{steps}.store", "--labels", labels, "--effort", "fast"]
    assert run(["query", "search", *search, "--out", f"{steps}.found", *options]) == 0
    align = ["--search", f"{steps}.found", "--fasta", queries, "--index", index, "--seed", "42"]
    assert run(["query", "align", *align, "--out", f"{steps}.msa", *options]) == 0
    report = ["--search", f"{steps}.found", "--msa", f"{steps}.msa", "--fasta", queries]
    assert run(["query", "report", *report, "--out", steps, "--quiet"]) == 0
    here, there = contents(anchored), contents(Path(steps))
    for name in ("hits.tsv", "hits.m8", "hits.tblout", "msa.tsv"):
        assert here[name] == there[name]
    aligned = contents(Path(f"{steps}.msa"))
    assert {name: text for name, text in here.items() if name.startswith("queries/")} == {
        f"queries/{name}": text for name, text in aligned.items() if "/" in name
    }


@pytest.mark.tool("cmscan", "cmpress")
@suite
def test_known_families_are_named_as_the_pipeline_names_them(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "models.cm").write_bytes((SUITE / "5.c.cm").read_bytes())
    known = ["--rfam-cm", tmp_path / "models.cm", "--rfam-clanin", SUITE / "5.claninfo", "--rfam-hits", "2"]
    command = ["search", "queries.fasta", "index", *COMMAND[3:], *known, "-o", tmp_path / "out"]
    done = rhoma(*command, cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    verdict = "tRNA, RF00005, clan CL00001, above the gathering cut-off"
    calls = read_families(out / "families.tsv")
    assert [(call.query, bool(call.target), call.verdict) for call in calls] == [
        *(("tRNA_X63088", target, verdict) for target in (False, True, True)),
        ("alone", False, UNKNOWN),
    ]
    hits = [hit for hit in read_hits_tsv(out / "hits.tsv") if hit.query == "tRNA_X63088"]
    assert [(hit.family, hit.clan) for hit in hits[:3]] == [("tRNA", "CL00001")] * 2 + [("", "")]
    named = {f"{hit.target}/{hit.tstart}-{hit.tend}" for hit in hits[:2]}
    assert (out / "hits.gff3").read_text().count("Dbxref=RFAM:RF00005;") == 2
    table = [line.split() for line in (out / "hits.tblout").read_text().splitlines()[2:]]
    assert {f"{row[0]}/{row[7]}-{row[8]}" for row in table if row[1] == "RF00005"} == named
    page = (out / "report.html").read_text()
    assert f"known family: <b>{verdict}</b>" in page
    assert f"known family: <b>{UNKNOWN}</b>" in page
    assert page.count('<td class="family">tRNA RF00005 ') == 2
    assert (out / "queries" / "tRNA_X63088" / "msa.sto").read_text().count(" DE tRNA (CL00001)\n") == 2
    # the models are a part of what was asked
    assert "is complete already" in rhoma(*command, cwd=finished.parent).stderr
    with (tmp_path / "models.cm").open("a") as handle:
        handle.write("\n")
    done = rhoma(*command, cwd=finished.parent)
    assert (done.returncode, "holds the results of another search" in done.stderr) == (1, True)


@suite
@pytest.mark.tool("cmscan", "cmpress")
def test_a_search_that_was_stopped_asks_about_the_batches_that_are_left(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.parent)
    command = ["search", "queries.fasta", "index", *COMMAND[3:], "--no-align", "--rfam-cm", str(SUITE / "5.c.cm")]
    annotate, press = run_search.annotate_search, infernal.press
    asked: list[str] = []

    def annotate_search(search: Path, *args: Any, **more: Any) -> Any:
        asked.append(search.stem)
        if len(asked) == 3:
            raise ToolError("cmscan", "has fallen over")
        return annotate(search, *args, **more)

    def pressed(models: Path, out: Path) -> None:
        asked.append(models.name)
        press(models, out)

    monkeypatch.setattr(run_search, "annotate_search", annotate_search)
    monkeypatch.setattr(infernal, "press", pressed)
    assert run([*command, "-o", str(tmp_path / "out")]) == 1
    assert run([*command, "-o", str(tmp_path / "out")]) == 0
    assert asked == ["5.c.cm", "batch_0001", "batch_0002", "batch_0002"]
    assert [call.query for call in read_families(tmp_path / "out" / "families.tsv") if not call.target] == [
        "tRNA_X63088",
        "alone",
    ]


@pytest.mark.tool("cmcalibrate")
def test_models_are_calibrated_where_that_is_asked_for(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.parent)
    # of random sequence as little as Infernal takes
    monkeypatch.setattr(infernal, "calibrate", partial(infernal.calibrate, megabases=0.01))
    (tmp_path / "q.fa").write_text(">q\nACGGGCUCGAAAGAGCCCAGAUC\n")
    command = ["search", str(tmp_path / "q.fa"), "index", *COMMAND[3:], "-o", str(tmp_path / "out"), "--calibrate"]
    assert run(command) == 0
    assert "\nECMLC" in (tmp_path / "out" / "queries" / "q" / "model.cm").read_text()
    assert json.loads((tmp_path / "out" / "parameters.json").read_text())["calibrate"] is True


def test_an_index_gives_what_its_fasta_gives(finished: Path, tmp_path: Path) -> None:
    data = finished.parent
    options = [*COMMAND[3:], "--labels", "labels.tsv", "--no-align"]
    done = rhoma("search", "queries.fasta", "index", *options, "-o", tmp_path / "out", cwd=data)
    assert done.returncode == 0, done.stderr
    here, there = contents(tmp_path / "out"), contents(finished)
    assert all(here[name] == there[name] for name in ("hits.tsv", "hits.m8", "skipped_records.tsv"))
    assert list((tmp_path / "out" / "queries").iterdir()) == []


def test_the_same_command_finds_all_done_and_another_is_refused(finished: Path) -> None:
    before = contents(finished)
    command = [*COMMAND, "-o", "out", "--labels", "labels.tsv", "--save-index", "index"]
    done = rhoma(*command, cwd=finished.parent)
    assert (done.returncode, "complete already" in done.stderr) == (0, True)
    done = rhoma(*command, "--evalue", "1e-5", cwd=finished.parent)
    assert done.returncode == 1
    assert "holds the results of another search" in done.stderr
    assert "--overwrite" in done.stderr
    assert contents(finished) == before


@pytest.mark.slow
def test_a_killed_run_goes_on_and_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    """Kills the process, and those it has started, at moments that a seed draws, until a run comes to its end."""
    out = tmp_path / "out"
    command = [*COMMAND, "-o", out, "--labels", "labels.tsv"]
    moments = random.Random(11)
    began = time.monotonic()
    arguments = [sys.executable, "-c", "from rhoma.cli import main; main()", *map(str, command)]
    killed = 0
    while killed < 6:
        process = subprocess.Popen(
            arguments, cwd=finished.parent, stderr=subprocess.DEVNULL, start_new_session=True, stdout=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=moments.uniform(1, 4) * (1 + killed))
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        assert not out.exists() or (out / "report.html").is_file()
    assert killed, f"ended within {time.monotonic() - began:.1f} seconds"
    done = rhoma(*command, cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    here, there = contents(out), contents(finished)
    assert here == there
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_an_index_build_that_was_killed_goes_on_and_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    moments = random.Random(5)
    out = tmp_path / "index"
    database = finished.parent / "database.fasta.gz"
    build = ["index", "build", "--fasta", str(database), "--out", str(out), "--threads", "1"]
    for limit in (1.0, 1.5, 2.0, 3.0):
        process = subprocess.Popen(
            [sys.executable, "-c", "from rhoma.cli import main; main()", *build],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=limit * moments.uniform(0.7, 1.3))
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # there is no half index
        assert not out.exists() or rhoma("index", "verify", out, cwd=tmp_path).returncode == 0
    assert rhoma(*build, cwd=tmp_path).returncode == 0
    assert contents(out) == contents(finished.parent / "index")
    # nor what the killed ones had begun
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["gone.fa", "index", "-o", "x"], 1, ["gone.fa", "no such file"]),
        (["queries.fasta", "gone", "-o", "x"], 1, ["gone", "no such file"]),
        (["queries.fasta", ".", "-o", "x"], 1, ["manifest"]),
        (["labels.tsv", "index", "-o", "x"], 1, ["labels.tsv"]),
        (["queries.fasta", "index", "-o", "x", "--labels", "queries.fasta"], 1, ["queries.fasta", "header"]),
        (["queries.fasta", "index", "-o", "."], 1, ["no results of a search"]),
        (["queries.fasta", "database.fasta.gz", "-o", "x", "--strict"], 1, ["'void'", "all N"]),
        (["queries.fasta", "index", "-o", "x", "--rfam-cm", "gone.cm"], 1, ["gone.cm", "no such file"]),
        (["queries.fasta", "index", "-o", "x", "--rfam-cm", "labels.tsv"], 1, ["labels.tsv", "gathering thresholds"]),
        (["queries.fasta", "index", "-o", "x", "--rfam-clanin", "labels.tsv"], 2, ["--rfam-cm"]),
        (["queries.fasta", "index"], 2, ["--out"]),
        (["queries.fasta", "index", "-o", "x", "--evalue", "0"], 2, ["--evalue"]),
        (["queries.fasta", "index", "-o", "x", "--effort", "much"], 2, ["--effort"]),
        (["queries.fasta", "index", "-o", "x", "--save-index", "y"], 2, ["--save-index"]),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(finished.parent)
    before = sorted(path.name for path in finished.parent.iterdir())
    assert run(["search", *arguments, "--threads", "1"]) == status
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert sorted(path.name for path in finished.parent.iterdir()) == before


def test_queries_that_fail_are_rows_and_the_others_go_on(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    genuine, aligned = searcher.search, align.align_query

    def search(record: Record, *args: Any, **more: Any) -> Any:
        if record.id == "alone":
            raise MemoryError("no room")
        return genuine(record, *args, **more)

    def align_query(query: Record, *args: Any, **more: Any) -> Any:
        if query.id == "tRNA_X63088":
            raise ToolError("cmbuild", "has fallen over")
        return aligned(query, *args, **more)

    monkeypatch.setattr(searcher, "search", search)
    monkeypatch.setattr(align, "align_query", align_query)
    monkeypatch.chdir(finished.parent)
    options = [*COMMAND[3:], "-o", str(tmp_path / "out")]
    assert run(["search", "queries.fasta", "index", *options]) == 1
    assert dict(read_failed(tmp_path / "out" / "failed.tsv")) == {
        "alone": "MemoryError: no room",
        "tRNA_X63088": "could not be aligned: cmbuild: has fallen over",
    }
    assert "2 queries" in capsys.readouterr().err
    assert {hit.query for hit in read_hits_tsv(tmp_path / "out" / "hits.tsv")} == {"tRNA_X63088"}
    assert [path.name for path in (tmp_path / "out" / "queries").iterdir()] == ["alone"]
    # the same status when there is nothing left to do
    assert run(["search", "queries.fasta", "index", *options]) == 1


def test_queries_that_are_too_short_are_skipped(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "q.fa").write_text(">tiny\nACGU\n")
    done = rhoma("search", "q.fa", finished.parent / "index", "-o", "out", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_hits_tsv(tmp_path / "out" / "hits.tsv") == []
    assert "tiny" in (tmp_path / "out" / "report.html").read_text()


def test_names_of_ten_thousand_letters(finished: Path, tmp_path: Path) -> None:
    """They stand whole in the tables, and are cut in names of files, each to one of its own."""
    (query, _), _ = read_fasta(finished.parent / "queries.fasta")
    records, _ = read_fasta(finished.parent / "database.fasta.gz", skip="bad")
    names = ["L" * 10_000, "L" * 10_001, "../$(touch${IFS}pwned);'\"`&|<>%" + "é" * 5_000]
    targets = [f"T;../$(touch${{IFS}}pwned){'é' * 5_000}{number}" for number in range(20)]
    write_fasta(tmp_path / "q.fa", [Record(name, "", query.sequence) for name in names])
    write_fasta(tmp_path / "db.fa", [Record(n, "", r.sequence) for n, r in zip(targets, records, strict=False)])
    done = rhoma("search", "q.fa", "db.fa", *COMMAND[3:], "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    hits = read_hits_tsv(tmp_path / "out" / "hits.tsv")
    assert {hit.query for hit in hits} == set(names)
    assert {hit.target for hit in hits} <= set(targets)
    directories = list((tmp_path / "out" / "queries").iterdir())
    assert len(directories) == len(names)
    assert {path.name for one in directories for path in one.iterdir()} == PER_QUERY
    assert all(len(one.name.encode()) <= 200 for one in directories)
    assert list(tmp_path.rglob("pwned")) == []


@pytest.mark.slow
def test_many_queries_need_little_memory(finished: Path, tmp_path: Path) -> None:
    """benchmarks/many_queries.py measures more of them."""
    letters = random.Random(5)
    records = [Record(f"q{number}", "", "".join(letters.choices("ACGU", k=30))) for number in range(400)]
    write_fasta(tmp_path / "q.fa", records)
    places = ["search", tmp_path / "q.fa", finished.parent / "index", "-o", tmp_path / "out"]
    command = [*map(str, places), "--effort", "fast", "--no-align", "--threads", "1", "--quiet"]
    # not ru_maxrss, which begins at the size of the process that forks: a worker of the tests
    program = """
import atexit
from rhoma.cli import main
status = lambda: next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
atexit.register(lambda: print(status(), flush=True))
main()
"""
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert 50 < int(peak) / 1024 < 250
    assert len((tmp_path / "out" / "rhoma_queries_mqc.tsv").read_text().splitlines()) >= 400


@pytest.mark.parametrize("name", ["é out", b"latin \xe9"])
def test_neither_home_nor_locale_nor_utf8_are_needed(finished: Path, tmp_path: Path, name: str | bytes) -> None:
    """An argument that is no text in the process' own encoding reaches every library that asks for it."""
    variables = {key: value for key, value in os.environ.items() if key not in ("HOME", "LANG", "LC_ALL")}
    out = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    command = [sys.executable, "-c", "from rhoma.cli import main; main()", "search", "queries.fasta", "index"]
    done = subprocess.run(
        [*command, *COMMAND[3:], "--no-align", "--labels", "labels.tsv", "-o", out],
        cwd=finished.parent,
        env={**variables, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(os.fsdecode(out), "hits.tsv").read_bytes() == (finished / "hits.tsv").read_bytes()


def test_help_has_examples_and_loads_no_heavy_library() -> None:
    heavy: Sequence[str] = ("torch", "faiss", "pyhmmer", "numpy", "polars", "RNA")
    code = (
        "import sys; from rhoma.cli import run; assert run(['search', '--help']) == 0;"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "  rhoma search queries.fasta database.fasta.gz -o results\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
