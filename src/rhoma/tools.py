"""External programs: found by name, run without a shell, their failures told in their own words."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma.errors import ToolCrashError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Programs of one package share its names: (Debian package, conda package of bioconda or conda-forge).
_PACKAGES = {
    **dict.fromkeys(("mmseqs",), ("mmseqs2", "mmseqs2")),
    **dict.fromkeys(("mafft", "mafft-linsi", "mafft-xinsi", "mafft-qinsi"), ("mafft", "mafft")),
    **dict.fromkeys(
        ("cmbuild", "cmsearch", "cmscan", "cmalign", "cmcalibrate", "cmpress", "cmfetch", "cmstat", "cmemit"),
        ("infernal", "infernal"),
    ),
    **dict.fromkeys(
        ("nhmmer", "hmmbuild", "hmmsearch", "esl-reformat", "esl-alistat", "esl-sfetch"), ("hmmer", "hmmer")
    ),
    **dict.fromkeys(("blastn", "makeblastdb"), ("ncbi-blast+", "blast")),
}
_VERSION_ARGUMENTS = {
    "mmseqs": ["version"],
    "blastn": ["-version"],
    "makeblastdb": ["-version"],
    **dict.fromkeys([name for name, (package, _) in _PACKAGES.items() if package in ("infernal", "hmmer")], ["-h"]),
}
_REPORTED_LINES = 8
# SIGABRT and SIGSEGV, of a program and of a shell around it.
_CRASHES = (-6, -11, 134, 139)
# Bytes: with less room on a disk, many programs fail for that and do not say so.
_LITTLE_ROOM = 64 * 2**20


def require(program: str) -> str:
    """Returns the absolute path of a program on PATH.

    Raises:
        ToolError: the program is not there; the message names the package that holds it.
    """
    path = shutil.which(program)
    if path is None:
        debian, conda = _PACKAGES.get(program, (program, program))
        remedy = f"install it: 'apt-get install {debian}' on Debian, 'conda install -c bioconda {conda}' elsewhere"
        raise ToolError(program, "no such program on PATH", remedy=remedy)
    return path


def run(
    args: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Returns the finished process (``stdout`` and ``stderr`` as text) of a program that ended with status 0.

    Args:
        args: the program's name and its arguments; no shell reads them.
        cwd: the directory to run in.
        stdin: text for the standard input; none means an empty one.
        timeout: limit in seconds.
        env: the whole environment, when it is not to be this process's.

    Raises:
        ToolCrashError: the program has crashed.
        ToolError: it is missing, has failed (with the last lines it wrote, and a word where its disk is
            nearly full) or has run past the limit.
    """
    program = str(args[0])
    command = [require(program), *map(str, args[1:])]
    with subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=dict(env) if env is not None else None,
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin or "", timeout=timeout)
        except BaseException as error:
            _kill(process.pid)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ToolError(program, f"did not end within {timeout:g} seconds") from error
            raise
    done = subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_REPORTED_LINES:]
        problem = f"failed with exit status {done.returncode}"
        text = problem + (": " + " | ".join(line.strip() for line in said) if said else "")
        kind = ToolCrashError if done.returncode in _CRASHES else ToolError
        raise kind(program, text, remedy=_room(cwd or Path.cwd()))
    return done


def _kill(process: int) -> None:
    """Kills a process with all that it has started: Debian's Infernal is scripts around the programs."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        script = psutil.Process(process)
        for one in (script, *script.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _room(directory: Path) -> str | None:
    """Returns what to do where a disk is nearly full, else None."""
    free = shutil.disk_usage(directory).free
    return f"only {free / 2**20:.1f} MiB are free in {directory.absolute()}: make room" if free < _LITTLE_ROOM else None


def version(program: str) -> str:
    """Returns the version line of a program, such as ``INFERNAL 1.1.4 (Dec 2020)``.

    Raises:
        ToolError: the program is missing.
    """
    command = [require(program), *_VERSION_ARGUMENTS.get(program, ["--version"])]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    lines = [line.strip("# \t") for line in (done.stdout + done.stderr).splitlines() if line.strip("# \t")]
    # Infernal and HMMER tell what the program does first, and the version in the second line.
    banner = [line for line in lines[:3] if line.startswith(("INFERNAL", "HMMER"))]
    return (banner or lines or [""])[0]
