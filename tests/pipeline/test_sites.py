"""What sites differ in: schedulers (a stand-in for Slurm), homes and locales."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, ROOT

if TYPE_CHECKING:
    from .conftest import Nextflow

HERE = Path(__file__).parent
QUICK = "executor { exitReadTimeout = '3 sec'; pollInterval = '1 sec'; queueStatInterval = '1 sec' }\n"


@pytest.mark.tool("setsid")
def test_lost_and_killed_jobs_are_tried_again(
    nextflow: Nextflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job without exit status is one of a node that is gone; a bus error is a full disk, not helped by memory."""
    monkeypatch.setenv("PATH", f"{HERE / 'slurm'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("SLURM_LOSES", "AGAIN_(0)")
    (tmp_path / "quick.config").write_text(QUICK)
    configs = [ROOT / "conf" / "base.config", ROOT / "conf" / "slurm.config", tmp_path / "quick.config"]
    options = [text for path in configs for text in ("-c", path)]
    done = nextflow(*options, "run", HERE / "exits.nf", "-with-trace", "trace.txt", cwd=tmp_path)
    assert done.returncode == 1
    tasks = [line.split("\t") for line in (tmp_path / "trace.txt").read_text().splitlines()[1:]]
    states: dict[str, list[str]] = {}
    for task in tasks:
        states.setdefault(task[3], []).append(task[4])
    assert states.pop("NOT_AGAIN") == ["FAILED"]
    assert states == {f"AGAIN ({code})": ["FAILED", "COMPLETED"] for code in (0, 137, 140, 143)}
    # what is asked for is not what the submitting machine has
    jobs = [path.read_text() for path in (tmp_path / "work").glob("*/*/.command.run")]
    asked = [re.findall(r"^#SBATCH (-c \d+|--mem \d+M)$", job, re.MULTILINE) for job in jobs if "(137)" in job]
    assert sorted(asked) == [["-c 12", "--mem 65536M"], ["-c 24", "--mem 131072M"]]


def test_profiles_of_schedulers_leave_the_limits_of_others_alone(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow("config", ROOT, "-profile", "slurm,gpu,test", "-flat", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for line in (
        "process.executor = 'slurm'",
        "process.resourceLimits = [cpus:2, memory:'6 GB', time:'1h']",
        "process.'withLabel:process_gpu'.accelerator = 1",
        "process.'withLabel:process_gpu'.maxForks = 0",
    ):
        assert line in done.stdout.splitlines()


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_profiles_beside_a_file_of_a_site(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    """As docs/usage.md says: the file names the profiles of the command line, which parser v2 forgets else."""
    usage = (ROOT / "docs" / "usage.md").read_text()
    (block,) = re.findall(r"```groovy\n(// site\.config\n.*?)```", usage, re.DOTALL)
    (tmp_path / "site.config").write_text(block)
    (call,) = re.findall(r"nextflow run main\.nf (-c site\.config -profile [\w,]+)`", usage)
    done = nextflow.run(*call.split(), "--version", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    profiles = call.split()[-1]
    done = nextflow("-c", "site.config", "config", ROOT, "-profile", profiles, "-flat", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "process.executor = 'slurm'" in lines
    assert "process.'withLabel:process_gpu'.accelerator = 1" in lines
    assert "executor.account = 'lab'" in lines


# profile: (executor, what else it says)
CLOUDS = {
    "awsbatch": ("awsbatch", ["aws.batch.maxSpotAttempts = 3"]),
    "googlebatch": (
        "google-batch",
        [
            "google.batch.maxSpotAttempts = 3",
            "process.disk = { 50.GB * task.attempt }",
            "process.'withLabel:process_high'.disk = { 200.GB * task.attempt }",
        ],
    ),
    "azurebatch": ("azurebatch", []),
    "k8s": ("k8s", ["process.disk = { 20.GB * task.attempt }"]),
}


@pytest.mark.parametrize("profile", CLOUDS)
def test_profiles_of_clouds(nextflow: Nextflow, tmp_path: Path, profile: str) -> None:
    executor, lines = CLOUDS[profile]
    done = nextflow("config", ROOT, "-profile", f"gpu,{profile}", "-flat", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    wanted = [
        f"process.executor = '{executor}'",
        "process.'withLabel:process_gpu'.accelerator = 1",
        "process.'withLabel:process_gpu'.maxForks = 0",
    ]
    assert [line for line in [*wanted, *lines] if line not in done.stdout.splitlines()] == []


def test_an_index_in_a_bucket_is_read_in_place(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow("config", ROOT, "-profile", "awsbatch,fusion", "-flat", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    wanted = [
        "process.executor = 'awsbatch'",
        "fusion.enabled = true",
        "wave.enabled = true",
        "process.scratch = false",
    ]
    assert [line for line in wanted if line not in done.stdout.splitlines()] == []


@pytest.mark.tool("setsid")
def test_tasks_with_a_card_have_a_queue_of_their_own(
    nextflow: Nextflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{HERE / 'slurm'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOBS", str(tmp_path / "jobs"))
    (tmp_path / "quick.config").write_text(QUICK)
    done = nextflow.run(
        *("-c", tmp_path / "quick.config", "-stub-run", "-profile", "gpu,slurm,test", "--workflow", "index"),
        *("--queue", "blue", "--gpu_queue", "green"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    jobs = [path.read_text() for path in (tmp_path / "work").glob("*/*/.command.run")]
    queues = {(("--gres=gpu:1" in job), *re.findall(r"^#SBATCH -p (\S+)$", job, re.MULTILINE)) for job in jobs}
    assert queues == {(True, "green"), (False, "blue")}


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_profiles_of_institutions(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    (tmp_path / "nfcore_custom.config").write_text("profiles { ours { process.queue = 'blue' } }\n")
    arguments = ("--version", "-profile", "ours", "--custom_config_base", tmp_path)
    done = nextflow.run(*arguments, cwd=tmp_path / "run", parser=parser)
    assert done.returncode == 0, done.stdout


def test_neither_a_home_nor_a_locale_is_needed(tmp_path: Path) -> None:
    """The launcher that the set-up installs, in a directory whose name is not ASCII."""
    jars = ROOT / ".tools" / "nextflow"
    if not jars.is_dir():
        pytest.skip("the set-up has installed no launcher: Nextflow was there")
    launch = tmp_path / "é"
    launch.mkdir()
    (launch / "quéry.fasta").write_text((DEMO / "queries.fasta").read_text())
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "LANG", "LC_CTYPE")}
    done = subprocess.run(
        [
            ROOT / "setup" / "nextflow" / "nextflow",
            "run",
            ROOT / "main.nf",
            "--input",
            "quéry.fasta",
            "--index",
            "gone",
        ],
        cwd=launch,
        env=kept | {"LC_ALL": "C", "NXF_ANSI_LOG": "false", "NXF_HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert "  - --index 'gone': there is no such directory\n" in done.stdout
    assert "Exception" not in done.stdout + done.stderr


JAVA = """#!/bin/bash
# stands for java: tells its release, and in place of running Nextflow the variables that Nextflow would see
if [ "$1" = -version ]; then echo 'openjdk version "17.0.9"' >&2; exit; fi
env | grep -E '^(NXF_OFFLINE|NXF_PLUGINS_[A-Z]*|TOWER_ACCESS_TOKEN)='
exit 0
"""
CLOSED = {"NXF_OFFLINE=true", "NXF_PLUGINS_DEFAULT=false", "NXF_PLUGINS_ALLOWED="}
FETCHED = {"NXF_OFFLINE=false"}
REACHED = {"NXF_PLUGINS_INDEX_URL": "file:///dev/null"}
UNREACHED = {"NXF_PLUGINS_INDEX_URL": "file:///nowhere/plugins.json"}
# name: (arguments, environment, what Nextflow sees of plugins, or what the launcher says)
PLUGINS: dict[str, tuple[list[str], dict[str, str], set[str] | str]] = {
    "none": (["run", "main.nf", "--outdir", "s3"], UNREACHED, CLOSED),
    "config": (["config", ".", "-profile", "awsbatch"], {}, CLOSED),
    "cloud": (["run", "main.nf", "-profile", "awsbatch,test"], REACHED, FETCHED),
    "platform": (["run", "main.nf", "-with-tower"], REACHED, FETCHED),
    "site": (["-c", "site.config", "run", "main.nf"], REACHED, FETCHED),
    "cloud out of reach": (["run", "main.nf", "-profile", "awsbatch"], UNREACHED, "wants nf-amazon@2.15.0, and"),
    "wave out of reach": (["run", "main.nf", "-with-wave"], UNREACHED, "wants nf-wave@1.12.1, and"),
    "wave profile": (["run", "main.nf", "-profile", "docker,wave"], UNREACHED, "wants nf-wave@1.12.1, and"),
    "wave profile alone": (["run", "main.nf", "-profile", "wave"], REACHED, FETCHED),
    "fusion": (
        ["run", "main.nf", "-profile", "awsbatch,fusion"],
        UNREACHED,
        "wants nf-amazon@2.15.0 nf-tower@1.11.2 nf-wave@1.12.1, and",
    ),
    "wave offline": (
        ["run", "main.nf", "-profile", "docker,wave,test"],
        {**REACHED, "NXF_OFFLINE": "true"},
        "wants nf-wave@1.12.1",
    ),
    "waves": (["run", "main.nf", "-profile", "test", "--input", "wave"], REACHED, CLOSED),
    "bucket offline": (
        ["run", "main.nf", "-w", "gs://b/w"],
        {**REACHED, "NXF_OFFLINE": "true"},
        "wants nf-google@1.21.0",
    ),
    "cloud, brought": (
        ["run", "main.nf", "-profile", "awsbatch"],
        {"NXF_PLUGINS_DIR": "brought"},
        {"NXF_OFFLINE=true", "NXF_PLUGINS_DIR=brought"},
    ),
    "token": (["run", "main.nf"], {"TOWER_ACCESS_TOKEN": "x"}, CLOSED),
    "online": (["run", "main.nf"], {"NXF_OFFLINE": "false"}, {"NXF_OFFLINE=false"}),
}


@pytest.mark.tool("curl")
@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_come_where_they_can_be_had(tmp_path: Path, name: str) -> None:
    """The launcher with a stand-in for Java, a file for the registry of plugins and a directory of plugins."""
    arguments, environment, expected = PLUGINS[name]
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA)
    java.chmod(0o755)
    for path in ("jars/nextflow-25.04.2.jar", "brought/nf-amazon-2.15.0/classes"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "site.config").write_text("process.executor = 'google-batch'\n")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NXF_", "TOWER_"))}
    mine = {"RHOMA_NEXTFLOW_JARS": "jars", "NXF_JAVA_HOME": str(java.parents[1]), "NXF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [ROOT / "setup" / "nextflow" / "nextflow", *arguments],
        cwd=tmp_path,
        env=kept | mine | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if isinstance(expected, str):
        assert done.returncode == 1
        assert expected in done.stderr
        assert "NXF_PLUGINS_DIR=" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) == expected


def test_the_launcher_knows_the_plugins_of_its_nextflow() -> None:
    jars = list((ROOT / ".tools" / "nextflow").glob("nextflow-*.jar"))
    if not jars:
        pytest.skip("the set-up has installed no launcher: Nextflow was there")
    with zipfile.ZipFile(jars[0]) as archive:
        theirs = archive.read("META-INF/plugins-info.txt").decode().split()
    assert (ROOT / "setup" / "nextflow" / "plugins.txt").read_text().split() == theirs
