"""A real Slurm of one node: the demo and a sharded index in jobs, cards, arrays, jobs that end too soon, resume."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, answers, results, table, trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Finished, Nextflow

HERE = Path(__file__).parent
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None for name in PROGRAMS),
        reason="Slurm is missing (on Debian: apt-get install slurmctld slurmd slurm-client)",
    ),
]
SITE = """
executor { account = 'lab'; pollInterval = '1 sec'; queueStatInterval = '1 sec' }
process {
    resourceLimits = [cpus: 1, memory: 2.GB, time: 1.h]
    withLabel: process_gpu { queue = 'gpu' }
}
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yields the file of a site's settings, Slurm being up for the programs on PATH."""
    directory = tmp_path_factory.mktemp("slurm")
    with socket.socket() as probe, pytest.MonkeyPatch.context() as patch:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        patch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        patch.setenv("SLURM_CONF", str(directory / "slurm.conf"))
        # by its name squeue is asked for a user's jobs
        patch.setenv("USER", getpass.getuser())
        # a daemon holds on to a pipe: no capture
        with (directory / "up.log").open("w") as log:
            up = subprocess.run(
                [HERE / "one_node" / "up.sh", directory, str(port)], stdout=log, stderr=log, check=False, timeout=900
            )
        try:
            assert up.returncode == 0, (directory / "up.log").read_text()
            (directory / "site.config").write_text(SITE)
            yield directory / "site.config"
        finally:
            subprocess.run([HERE / "one_node" / "down.sh", directory], check=False)


def _wrappers(launch: Path) -> dict[str, str]:
    """Returns the text of the job scripts by process and tag; of several attempts one."""
    texts = [path.read_text() for path in launch.glob("work/*/*/.command.run")]
    return {text.split("### name: '")[1].split("'")[0].split(":")[-1]: text for text in texts}


@pytest.mark.tool("mmseqs", "mafft", "cmalign")
def test_the_demo_in_jobs_of_which_one_is_cancelled_and_one_killed(
    demo: Finished, nextflow: Nextflow, slurm: Path, tmp_path: Path
) -> None:
    """A search for each query; a job whose script is killed leaves no exit status, as one of a node that is gone."""
    arguments = ("-c", slurm, "-profile", "slurm,test", "--outdir", "out", "--save_index", "--batch_size", "1")
    # one search is ended from outside, as by an administrator, another one by SIGKILL
    ends = "[batch_0001: 'scancel $SLURM_JOB_ID; sleep 60', batch_0002: 'kill -9 $$']"
    (tmp_path / "once.config").write_text(
        "executor.exitReadTimeout = '5 sec'\nprocess { withName: 'QUERY_SEARCH' { beforeScript = {\n"
        f" 'export PATH=\"{Path(sys.executable).parent}:$PATH\"; ' +"
        f" (task.attempt == 1 ? {ends}.getOrDefault(meta.id, '') : '')\n}} }} }}\n"
    )
    done = nextflow.run("-c", tmp_path / "once.config", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    searches: dict[str, list[str]] = {f"SEARCH:QUERY_SEARCH (batch_000{number})": [] for number in (1, 2, 3)}
    for task in trace(tmp_path):
        if task["name"] in searches:
            searches[task["name"]].append(task["status"])
    assert list(searches.values()) == [["FAILED", "COMPLETED"], ["FAILED", "COMPLETED"], ["COMPLETED"]]
    failed = {task["name"]: task["exit"] for task in trace(tmp_path) if task["status"] == "FAILED"}
    assert failed["SEARCH:QUERY_SEARCH (batch_0002)"] == "-"
    assert answers(tmp_path / "out") == answers(demo.out)
    jobs = [task["native_id"] for task in trace(tmp_path)]
    assert len(set(jobs)) == len(jobs)
    first = results(tmp_path / "out")
    done = nextflow.run(*arguments, "-resume", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert {task["status"] for task in trace(tmp_path)} == {"CACHED"}
    assert results(tmp_path / "out") == first


def test_cards_go_to_embedding_alone_and_shards_in_an_array(nextflow: Nextflow, slurm: Path, tmp_path: Path) -> None:
    database = DEMO / "database.fasta"
    done = nextflow.run(
        *("-stub-run", "-c", slurm, "-profile", "slurm,gpu,test", "--workflow", "index", "--database", database),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    wrappers = _wrappers(tmp_path)
    assert all(re.search("^#SBATCH -A lab$", text, re.MULTILINE) for text in wrappers.values())
    with_card = {name for name, text in wrappers.items() if "#SBATCH --gres=gpu:1" in text}
    assert {name.split(" ")[0] for name in with_card} == {"EMBED"}
    assert all(re.search("^#SBATCH -p gpu$", wrappers[name], re.MULTILINE) for name in with_card)
    assert not any("-p gpu" in text for name, text in wrappers.items() if name not in with_card)
    _in_an_array(trace(tmp_path, "results"), "INDEX_SEGMENT", 2)


def _in_an_array(tasks: list[dict[str, str]], process: str, number: int) -> None:
    jobs = {task["native_id"] for task in tasks if process in task["name"]}
    (array,) = {job.split("_")[0] for job in jobs}
    assert jobs == {f"{array}_{index}" for index in range(number)}


def test_families_in_an_array(nextflow: Nextflow, slurm: Path, tmp_path: Path) -> None:
    (tmp_path / "families").mkdir()
    for name in ("one.fa", "two.fa", "three.fa"):
        (tmp_path / "families" / name).touch()
    done = nextflow.run(
        *("-stub-run", "-c", slurm, "-profile", "slurm", "--workflow", "msa", "--input", "families", "--skip_multiqc"),
        *("--outdir", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    _in_an_array(trace(tmp_path), "MSA_ALIGN", 3)
    assert {path.name for path in (tmp_path / "out" / "families").iterdir()} == {"one", "two", "three"}


def test_exit_status_of_jobs(nextflow: Nextflow, slurm: Path, tmp_path: Path) -> None:
    """Killed jobs are tried again with more time and memory; others are not. The queue has one job at a time."""
    root = HERE.parents[1]
    configs = [root / "conf" / "base.config", root / "conf" / "slurm.config", slurm]
    (tmp_path / "small.config").write_text(
        "executor.queueSize = 1\ntrace { raw = true; fields = 'name,status,submit,complete' }\n"
        "process {\n resourceLimits = [cpus: 2, memory: 2.GB, time: 5.h]\n withLabel: process_high {\n cpus = 1\n"
        " memory = { 256.MB * task.attempt }\n time = { 1.h * task.attempt }\n }\n}\n"
    )
    options = [text for path in [*configs, tmp_path / "small.config"] for text in ("-c", path)]
    done = nextflow(*options, "run", HERE / "exits.nf", "-with-trace", "trace.txt", cwd=tmp_path)
    assert done.returncode == 1
    rows = table(tmp_path / "trace.txt")
    states: dict[str, list[str]] = {}
    for row in rows:
        states.setdefault(row["name"], []).append(row["status"])
    times = sorted((int(row["submit"]), int(row["complete"])) for row in rows)
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    assert states.pop("NOT_AGAIN") == ["FAILED"]
    assert states.pop("AGAIN (0)") == ["COMPLETED"]
    assert states == {f"AGAIN ({code})": ["FAILED", "COMPLETED"] for code in (137, 140, 143)}
    jobs = [path.read_text() for path in tmp_path.glob("work/*/*/.command.run")]
    limits = [re.findall(r"^#SBATCH -t (\S+)$", job, re.MULTILINE) for job in jobs if "NOT_AGAIN" in job]
    assert limits == [["04:00:00"]]
    asked = [re.findall(r"^#SBATCH (-t \S+|--mem \S+)$", job, re.MULTILINE) for job in jobs if "'AGAIN (137)'" in job]
    assert sorted(asked) == [["-t 01:00:00", "--mem 256M"], ["-t 02:00:00", "--mem 512M"]]
