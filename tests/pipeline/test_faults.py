"""What machines and people do to a run: nothing of it loses a result, and what is wrong is named."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, RECORDS, ROOT, Finished, answers, results, table, trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Nextflow

pytestmark = [pytest.mark.slow, pytest.mark.tool("mmseqs", "cmalign")]
RHOMA = (sys.executable, "-c", "from rhoma.cli import main; main()")


def _mounts() -> bool:
    """Returns whether this process may mount a file system."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


mounts = pytest.mark.skipif(not _mounts(), reason="a small disk can be mounted by root only")


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    """Gives a file system in memory, which is gone afterwards."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def small(nextflow: Nextflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A search of one tRNA among sixty, its index kept."""
    launch = tmp_path_factory.mktemp("small")
    queries = (DEMO / "queries.fasta").read_text().split(">")
    (launch / "q.fa").write_text(">" + next(text for text in queries if text.startswith("tRNA")))
    records = [text for text in (DEMO / "database.fasta").read_text().split(">")[1:] if len(text) < 120]
    (launch / "db.fa").write_text("".join(f">{text}" for text in records[:60]))
    done = nextflow.run(*_search(launch, "--database", launch / "db.fa"), "--save_index", cwd=launch)
    assert done.returncode == 0, done.stdout
    yield Finished(launch, launch / "out", done.stdout)
    shutil.rmtree(launch)


def _search(data: Path, *more: str | Path) -> tuple[str | Path, ...]:
    database = more or ("--index", data / "out" / "index")
    return ("--input", data / "q.fa", *database, "--effort", "fast", "--skip_multiqc", "--outdir", "out")


@mounts
def test_full_disk_of_results(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    """The file is named; with more room the run is taken up, and what was cut short is written whole."""
    with disk(tmp_path / "disk", "size=40k") as place:
        arguments = (*_search(small.launch)[:-1], place / "out")
        done = nextflow.run(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert f"; to: {place / 'out'}" in done.stdout
        assert "No space left on device" in done.stdout
        assert answers(place / "out") != answers(small.out)
        subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
        done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert answers(place / "out") == answers(small.out)
        assert _run_again(place) <= {"QUERY_REPORT"}


def _run_again(launch: Path) -> set[str]:
    return {task["name"].split(" ")[0].split(":")[-1] for task in trace(launch) if task["status"] != "CACHED"}


@mounts
def test_full_disk_of_work(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    """The place is named, no memory is blamed, and the run goes on when there is room."""
    with disk(tmp_path / "disk", "size=200k") as place:
        arguments = (*_search(small.launch, "--database", small.launch / "db.fa"), "-work-dir", place / "work")
        done = nextflow.run(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert "MiB are free in " in done.stdout
        assert f"{place / 'work'}" in done.stdout
        assert "Re-submitted" not in done.stdout
        assert set(results(tmp_path / "out")) == set()
        subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
        done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert answers(tmp_path / "out") == answers(small.out)


@mounts
def test_work_that_is_read_only(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    with disk(tmp_path / "work", "size=40k,ro") as place:
        done = nextflow.run(*_search(small.launch), cwd=tmp_path)
        assert done.returncode == 1
        assert f"Unable to create directory={place}" in done.stdout
        assert "check file system permissions" in done.stdout
        assert set(results(tmp_path / "out")) == set()


@mounts
@pytest.mark.parametrize("step", ["made", "given"])
def test_full_disk_of_the_command(small: Finished, tmp_path: Path, step: str) -> None:
    """`rhoma search`, with an index to be made and with one that is there."""
    with disk(tmp_path / "disk", "size=100k") as place:
        database = small.launch / "db.fa" if step == "made" else small.out / "index"
        command = [*RHOMA, "search", small.launch / "q.fa", database, "-o", place / "out", "--effort", "fast"]
        command += ["--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "error: " in done.stderr
        assert str(place) in done.stderr
        assert "Traceback" not in done.stderr
        assert not (place / "out").exists()
        subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
        subprocess.run(command, check=True)
        assert (place / "out" / "hits.tsv").read_bytes() == (small.out / "hits.tsv").read_bytes()


def test_tasks_that_hang_or_are_killed_are_tried_again(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    """The one is ended when its time is over, the other by SIGKILL, with its program at work, as by a kernel."""
    (tmp_path / "once.config").write_text(
        "process {\n withName: 'QUERY_SEARCH' {\n  time = { 20.s * task.attempt }\n"
        "  ext.args = { task.attempt == 1 ? '; sleep 98765' : '' }\n }\n"
        " withName: 'QUERY_ALIGN' { ext.args = { task.attempt == 1 ? '& sleep 1; kill -9 $! $$' : '' } }\n}\n"
    )
    done = nextflow.run("-c", tmp_path / "once.config", *_search(small.launch), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for name, code in (("QUERY_SEARCH", "-"), ("QUERY_ALIGN", "137")):
        tasks = [(task["status"], task["exit"]) for task in trace(tmp_path) if name in task["name"]]
        assert tasks == [("FAILED", code), ("COMPLETED", "0")]
    assert answers(tmp_path / "out") == answers(small.out)
    # nothing of it is left running
    assert "sleep\x0098765\x00" not in [_command(process) for process in os.listdir("/proc") if process.isdigit()]


def _command(process: str) -> str:
    try:
        with open(f"/proc/{process}/cmdline") as handle:
            return handle.read()
    except OSError:
        return ""


def test_damaged_work_is_named_or_made_anew(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    arguments = _search(small.launch, "--database", small.launch / "db.fa")
    done = nextflow.run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (batch,) = (tmp_path / "work" / "batches").glob("*/*.fasta")
    batch.write_text(batch.read_text().replace("G", "C"))
    (joined,) = (path for path in (tmp_path / "work").glob("*/*/index") if not path.is_symlink())
    vectors = next(joined.rglob("vectors*.npy")).resolve()
    whole = vectors.read_bytes()
    vectors.unlink()
    vectors.write_bytes(whole[:-100])
    done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
    assert done.returncode == 1
    assert vectors.name in done.stdout
    assert "Traceback" not in done.stdout
    # without the directory of its task it is made anew
    shutil.rmtree(joined.parent)
    done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert results(tmp_path / "out") == results(small.out)


def test_two_runs_into_one_directory(small: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
    """The second is refused by name, and takes nothing from the first."""
    go = tmp_path / "go"
    wait = f"; until [ -e {go} ]; do sleep 0.2; done"
    (tmp_path / "slow.config").write_text(f"process {{ withName: 'QUERY_SEARCH' {{ ext.args = '{wait}' }} }}\n")
    log = tmp_path / "first.log"
    first = nextflow.start("-c", tmp_path / "slow.config", *_search(small.launch), cwd=tmp_path, log=log)
    try:
        while first.poll() is None and "QUERY_SEARCH" not in log.read_text():
            time.sleep(0.1)
        done = nextflow.run(*_search(small.launch)[:-1], tmp_path / "out", cwd=tmp_path / "other")
        assert done.returncode == 1
        assert "another run is writing there; wait for its end, or give another directory" in done.stdout
        assert "Submitted process" not in done.stdout
        go.touch()
        assert first.wait(timeout=900) == 0, log.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
    assert answers(tmp_path / "out") == answers(small.out)


def test_two_commands_into_one_directory(small: Finished, tmp_path: Path) -> None:
    command = [*RHOMA, "search", small.launch / "q.fa", small.out / "index", "-o", "out", "--effort", "fast"]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        while first.poll() is None and not (tmp_path / ".out.partial" / "scratch").exists():
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "out: is being written by another process. Remedy: wait for it" in done.stderr
        first.send_signal(signal.SIGCONT)
        log = first.communicate(timeout=900)[1]
    finally:
        first.kill()
    assert first.returncode == 0, log
    assert (tmp_path / "out" / "hits.tsv").read_bytes() == (small.out / "hits.tsv").read_bytes()


def test_long_names_and_letters_of_all_kinds_without_home_and_locale(
    small: Finished, nextflow: Nextflow, tmp_path: Path
) -> None:
    """Names of 10,000 letters stand whole in the tables; paths need no locale, by the launcher of the set-up."""
    if Path(nextflow.program).read_bytes() != (ROOT / "setup" / "nextflow" / "nextflow").read_bytes():
        pytest.skip("the set-up has installed no launcher: Nextflow was there")
    launch = tmp_path / "é dir"
    launch.mkdir()
    sequence = (small.launch / "q.fa").read_text().split("\n", 1)[1]
    names = ["L" * 10_000, "ü$(touch${IFS}pwned)"]
    (launch / "quéry.fa").write_text("".join(f">{name} x\n{sequence}" for name in names))
    records = (small.launch / "db.fa").read_text().split(">")[1:]
    texts = [record.split("\n", 1)[1] for record in records]
    (launch / "dätabase.fa").write_text("".join(f">{'T' * 10_000}{i}\n{text}" for i, text in enumerate(texts)))
    kept = {key: text for key, text in nextflow.environment("v1").items() if key not in ("HOME", "LANG", "LC_CTYPE")}
    arguments = ["--input", "quéry.fa", "--database", "dätabase.fa", "--outdir", "oüt"]
    arguments += ["--effort", "fast", "--skip_multiqc"]
    done = subprocess.run(
        [nextflow.program, "run", str(ROOT / "main.nf"), *arguments],
        cwd=launch,
        env=kept | {"LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    hits = table(launch / "oüt" / "hits.tsv")
    assert {hit["query"] for hit in hits} == set(names)
    assert {len(hit["target"]) >= 10_000 for hit in hits} == {True}
    assert len(list((launch / "oüt" / "queries").iterdir())) == len(names)
    assert list(tmp_path.rglob("pwned")) == []


@pytest.mark.parametrize("process", ["QUERY_PREPARE", "QUERY_REPORT"])
def test_a_run_that_fails_tells_of_one_error(nextflow: Nextflow, tmp_path: Path, process: str) -> None:
    """And keeps the versions of the programs that it has used."""
    (tmp_path / "fail.config").write_text(f"process {{ withName: '{process}' {{ beforeScript = 'exit 3' }} }}\n")
    arguments = ("-stub-run", "--input", DEMO / "queries.fasta", "--database", DEMO / "database.fasta")
    done = nextflow.run("-c", tmp_path / "fail.config", *arguments, "--outdir", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("ERROR ~") == 1
    assert "Unexpected error" not in done.stdout
    assert "nextflow: '" in (tmp_path / "out" / RECORDS / "software_versions.yml").read_text()
