"""What sites differ in: schedulers (a stand-in for Slurm), homes and locales."""

from __future__ import annotations

import os
import re
import subprocess
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
