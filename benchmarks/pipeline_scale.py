"""What it costs Nextflow to lead many tasks: tasks, wall time, and the driver's processor time and memory.

    python benchmarks/pipeline_scale.py msa --tasks 4200         # so many families to be aligned
    python benchmarks/pipeline_scale.py train --tasks 4200       # so many batches of families to be de-duplicated
    python benchmarks/pipeline_scale.py index --tasks 100        # so many shards of a database
    python benchmarks/pipeline_scale.py search --tasks 100       # so many batches of queries, in two shards
    python benchmarks/pipeline_scale.py msa --tasks 300 --executor slurm    # and what is asked of a scheduler

A simulation: a run with `-stub-run` on this machine, whose tasks do nothing but leave files of the right names. What is
measured is the driver (the Java process), and the time that a task takes at least. With `--executor slurm` the limits
of that profile hold; the tests' stand-ins for Slurm's programs run the jobs here and count how often they are called.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "assets" / "demo"
# Stand-ins for Slurm's programs.
SLURM = ROOT / "tests" / "pipeline" / "slurm"
PROGRAMS = ("sbatch", "squeue", "scancel")
# Seconds between two looks at the driver.
PAUSE = 0.25


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        tasks: Tasks that ended well.
        seconds: Wall time of all.
        cpu: Processor seconds of the driver alone.
        memory: Largest resident memory of the driver, MiB.
        calls: How often each program of Slurm was called.
    """

    tasks: int
    seconds: float
    cpu: float
    memory: float
    calls: Counter[str]


def arguments(workflow: str, tasks: int, work: Path) -> list[str | Path]:
    """Return the parameters of a workflow, and write its input."""
    if workflow == "msa":
        families = work / "families"
        families.mkdir()
        for number in range(tasks):
            (families / f"family_{number:05d}.fa").write_text(">a\nACGUACGUACGUACGUACGU\n")
        return ["--workflow", "msa", "--input", families]
    if workflow == "train":
        (work / "rfam").mkdir()
        return ["--workflow", "train", "--rfam", work / "rfam", "--evaluation", "none"]
    if workflow == "index":
        return ["--workflow", "index", "--database", DEMO / "database.fasta"]
    return ["--input", DEMO / "queries.fasta", "--database", DEMO / "database.fasta"]


def settings(workflow: str, tasks: int, limits: str, work: Path) -> Path:
    """Return a configuration: so many stubs, limits of the executor, versions that cost nothing."""
    stand_ins = work / "bin"
    stand_ins.mkdir()
    for name in ("python3", "mmseqs", "cmalign", "multiqc"):
        (stand_ins / name).write_text("#!/bin/sh\necho stub\n")
        (stand_ins / name).chmod(0o755)
    process = {"search": "QUERY_PREPARE", "train": "TRAIN_PREPARE", "index": "INDEX_SPLIT"}.get(workflow)
    stubs = f"    withName: '{process}' {{ ext.stubs = {tasks} }}\n" if process else ""
    path = work / "scale.config"
    path.write_text(
        f"{limits}process {{\n    beforeScript = 'export PATH={stand_ins}:$PATH'\n"
        f"    resourceLimits = [cpus: 1, memory: 1.GB, time: 1.h]\n{stubs}}}\n"
    )
    return path


def look(process: int) -> tuple[float, float]:
    """Return processor seconds and largest resident memory (MiB) of a process, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{process}/status").read_text()
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
    return cpu, int(peak) / 1024


def measure(command: list[str | Path], work: Path) -> Cost:
    """Return what a run takes; it has to end well."""
    jobs, calls = work / "jobs", work / "jobs.calls"
    calls.write_text("")
    path = f"{SLURM}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SLURM_JOBS": str(jobs)}
    start = time.monotonic()
    log = work / "run.log"
    with log.open("w") as handle:
        process = subprocess.Popen(
            list(map(str, command)), cwd=work, env=environment, stdout=handle, stderr=subprocess.STDOUT
        )
        cpu = memory = 0.0
        while process.poll() is None:
            try:
                now = look(process.pid)
            except (OSError, IndexError):
                break
            cpu, memory = max(cpu, now[0]), max(memory, now[1])
            time.sleep(PAUSE)
    if process.wait():
        sys.stderr.write(log.read_text())
        raise SystemExit(1)
    seconds = time.monotonic() - start
    with (work / "out" / "pipeline_info" / "execution_trace_run.txt").open(newline="") as handle:
        states = [row["status"] for row in csv.DictReader(handle, delimiter="\t")]
    return Cost(states.count("COMPLETED"), seconds, cpu, memory, Counter(calls.read_text().split()))


def main(
    workflow: Annotated[Literal["msa", "train", "index", "search"], typer.Argument(help="What fans out.")],
    tasks: Annotated[list[int], typer.Option(min=1, help="Width of the fan; can be given again.")],
    forks: Annotated[int, typer.Option(min=1, help="Tasks at a time on this machine.")] = 4,
    executor: Annotated[Literal["local", "slurm"], typer.Option(help="Who runs the tasks.")] = "local",
    arrays: Annotated[bool, typer.Option(help="Job arrays of Slurm, as its profile has them.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Measure also a second run that finds all done.")] = False,
) -> None:
    """Run a workflow in simulation and print a line a run."""
    nextflow = shutil.which("nextflow", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if nextflow is None:
        raise typer.BadParameter("nextflow is not on PATH")
    slurm = executor == "slurm"
    limits = f"executor {{ cpus = {forks}; memory = '{forks} GB'; queueSize = {forks} }}\n"
    if slurm:
        limits = "" if arrays else "process { withName: '.*' { array = 0 } }\n"
    programs = PROGRAMS if slurm else ()
    columns = ["workflow", "width", "run", "tasks", "wall s", "driver's CPU s", "driver's MiB", *programs]
    typer.echo(f"| {' | '.join(columns)} |")
    typer.echo(f"|{' --- |' * len(columns)}")
    for width in tasks:
        with tempfile.TemporaryDirectory() as place:
            work = Path(place)
            config = settings(workflow, width, limits, work)
            run: list[str | Path] = [nextflow, "-c", config, "run", ROOT / "main.nf", "-stub-run", "--outdir", "out"]
            run += [*(["-profile", "slurm"] if slurm else []), "-ansi-log", "false", *arguments(workflow, width, work)]
            for kind, more in [("first", []), ("-resume", ["-resume"])][: 1 + resume]:
                cost = measure([*run, *more], work)
                costs = [f"{cost.tasks:,}", f"{cost.seconds:.0f}", f"{cost.cpu:.0f}", f"{cost.memory:.0f}"]
                costs += [str(cost.calls[name]) for name in programs]
                typer.echo(f"| {' | '.join([workflow, f'{width:,}', kind, *costs])} |")


if __name__ == "__main__":
    typer.run(main)
