"""Nextflow as a fixture, and one real search of the demo data that the tests share."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"
# What a run tells of itself: times and paths, different in every run.
RECORDS = "pipeline_info"
# What two runs with the same results may differ in.
OTHERS = (RECORDS, "index", "multiqc")
# Seconds after which a run hangs: far more than any takes on a busy machine.
HANGS = 3600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ROOT / "tests" / "pipeline" in item.path.parents:
            item.add_marker(pytest.mark.pipeline)


@dataclass(frozen=True)
class Nextflow:
    """A Nextflow with a state directory of its own."""

    program: str
    home: Path

    def environment(self, parser: str) -> dict[str, str]:
        """Returns the variables of a run; a JVM that has its classes in an archive starts sooner."""
        return {
            **os.environ,
            "NXF_HOME": str(self.home),
            "NXF_OFFLINE": "true",
            "NXF_ANSI_LOG": "false",
            "NXF_OPTS": self.classes(),
            "NXF_SYNTAX_PARSER": parser,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def classes(self) -> str:
        """Returns the JVM's option for an archive of its classes, which the first run leaves at its end (JEP 350)."""
        archive = self.home / "classes.jsa"
        return f"-XX:{'SharedArchiveFile' if archive.exists() else 'ArchiveClassesAtExit'}={archive}"

    def __call__(
        self, *arguments: str | Path, cwd: Path, parser: str = "v1", timeout: float = HANGS
    ) -> subprocess.CompletedProcess[str]:
        """Returns the finished process; stdout and stderr are together in ``stdout``."""
        return subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=cwd,
            env=self.environment(parser),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run(self, *arguments: str | Path, cwd: Path, parser: str = "v1") -> subprocess.CompletedProcess[str]:
        """Returns the finished run of the pipeline in ``cwd``."""
        cwd.mkdir(parents=True, exist_ok=True)
        return self("run", ROOT / "main.nf", *arguments, cwd=cwd, parser=parser)

    def start(self, *arguments: str | Path, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Returns a run of the pipeline that goes on, in a session of its own."""
        cwd.mkdir(parents=True, exist_ok=True)
        with log.open("w") as handle:
            return subprocess.Popen(
                [self.program, "run", str(ROOT / "main.nf"), *map(str, arguments)],
                cwd=cwd,
                env=self.environment("v1"),
                stdout=handle,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_in_the_middle(self, *arguments: str | Path, cwd: Path, reached: Callable[[], bool]) -> None:
        """Starts a run and kills it, with all its tasks, by SIGKILL once ``reached``."""
        log = cwd / "killed.log"
        process = self.start(*arguments, cwd=cwd, log=log)
        deadline = time.monotonic() + HANGS
        while process.poll() is None and not reached() and time.monotonic() < deadline:
            time.sleep(0.05)
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert alive, log.read_text()


@pytest.fixture(scope="session")
def nextflow(tmp_path_factory: pytest.TempPathFactory) -> Nextflow:
    beside = Path(sys.executable).parent / "nextflow"
    program = str(beside) if beside.exists() else shutil.which("nextflow")
    if program is None:
        pytest.skip("nextflow is neither on PATH nor in the environment: run setup/install.sh")
    found = Nextflow(program, tmp_path_factory.mktemp("nextflow"))
    launch = tmp_path_factory.mktemp("classes")
    done = found.run("-stub-run", "-profile", "demo", "--outdir", "out", cwd=launch)
    assert done.returncode == 0, done.stdout
    shutil.rmtree(launch)
    return found


def trace(launch: Path, outdir: str = "out") -> list[dict[str, str]]:
    """Returns the tasks of a run."""
    with (launch / outdir / RECORDS / "execution_trace_run.txt").open(newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def table(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a table with a header."""
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def results(outdir: Path) -> dict[str, bytes]:
    """Returns the bytes of all results by relative path, without the records, MultiQC's report and a saved index."""
    paths = (path for path in sorted(outdir.rglob("*")) if path.is_file())
    relative = {path.relative_to(outdir): path for path in paths}
    return {str(name): path.read_bytes() for name, path in relative.items() if name.parts[0] not in OTHERS}


def answers(outdir: Path) -> dict[str, bytes]:
    """Returns the results without the page, which tells of the parameters."""
    return {name: text for name, text in results(outdir).items() if name != "report.html"}


DOCKER = """#!/bin/bash
# stands for docker: the command of `docker run ... image /bin/bash ...` runs on this machine
while [ $# -gt 0 ] && [ "$1" != /bin/bash ]; do shift; done
exec "$@"
"""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    """Puts a docker on PATH that needs no images; returns what gives the image of each process of the runs so far."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    def used() -> dict[str, str]:
        wrappers = [path.read_text() for path in tmp_path.glob("**/work/*/*/.command.run")]
        return {
            text.split("### name: '")[1].split("'")[0].split(" ")[0].split(":")[-1]: found[0]
            for text in wrappers
            if (found := re.findall(r"(rhoma/[a-z-]+):0\.1\.0 /bin/bash", text))
        }

    return used


@dataclass(frozen=True)
class Finished:
    """A finished run."""

    launch: Path
    out: Path
    log: str


@pytest.fixture(scope="session")
def demo(nextflow: Nextflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """One search of the demo data, its index kept."""
    launch = tmp_path_factory.mktemp("demo")
    done = nextflow.run("-profile", "demo", "--outdir", "out", "--save_index", cwd=launch)
    assert done.returncode == 0, done.stdout
    yield Finished(launch, launch / "out", done.stdout)
    shutil.rmtree(launch)
