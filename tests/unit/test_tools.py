from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from rhoma import tools
from rhoma.errors import ToolCrashError, ToolError


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match=r"cmalign: no such program.*apt-get install infernal") as caught:
        tools.require("cmalign")
    assert caught.value.tool == "cmalign"
    with pytest.raises(ToolError, match="apt-get install mmseqs2"):
        tools.run(["mmseqs", "version"])


def test_no_shell_reads_the_arguments(tmp_path: Path):
    weird = "$(touch owned); `touch owned` ' \" ../x"
    done = tools.run([sys.executable, "-c", "import sys; print(sys.argv[1])", weird], cwd=tmp_path)
    assert done.stdout == weird + "\n"
    assert list(tmp_path.iterdir()) == []


def test_input_environment_and_failures():
    echo = "import sys; sys.stdout.write(sys.stdin.read())"
    assert tools.run([sys.executable, "-c", echo], stdin="text").stdout == "text"
    assert tools.run([sys.executable, "-c", echo]).stdout == ""
    with pytest.raises(ToolError, match=r"exit status 3: first \| last"):
        tools.run([sys.executable, "-c", "import sys; sys.stderr.write('first\\nlast\\n'); sys.exit(3)"])
    with pytest.raises(ToolError, match=r"did not end within 0.2 seconds"):
        tools.run([sys.executable, "-c", "import time; time.sleep(30)"], timeout=0.2)


@pytest.mark.parametrize("signal", ["ABRT", "SEGV"])
def test_a_program_that_crashes(signal: str):
    for command in (f"kill -{signal} $$", f"sh -c 'kill -{signal} $$'; exit $?"):
        with pytest.raises(ToolCrashError, match="failed with exit status"):
            tools.run(["sh", "-c", command])
    with pytest.raises(ToolError) as caught:
        tools.run(["sh", "-c", "exit 1"])
    assert not isinstance(caught.value, ToolCrashError)


def test_a_program_that_fails_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = [sys.executable, "-c", "import sys; sys.exit('Cannot close index file')"]
    usage = shutil.disk_usage(tmp_path)
    for free, word in ((2**20, f"Remedy: only 1.0 MiB are free in {tmp_path}: make room"), (2**40, "index file")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        with pytest.raises(ToolError) as caught:
            tools.run(program, cwd=tmp_path)
        assert str(caught.value).endswith(word)


def test_what_ends_a_run_reaches_programs_with_a_limit(tmp_path: Path):
    """A signal to all processes of a terminal or a job: they are of one group."""
    done = tools.run(["python3", "-c", "import os; print(os.getpgrp())"], timeout=60)
    assert int(done.stdout) == os.getpgrp()


def test_a_limit_ends_what_a_script_has_started(tmp_path: Path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nsleep 31 &\necho $! > child\nwait\n")
    script.chmod(0o755)
    with pytest.raises(ToolError, match=r"did not end within 1 seconds"):
        tools.run([script], cwd=tmp_path, timeout=1)
    command = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/cmdline")
    # that of a process that has ended is empty
    for _ in range(50):
        if not command.exists() or not command.read_bytes():
            break
        time.sleep(0.1)
    else:
        pytest.fail("the script's own program goes on")


@pytest.mark.parametrize(
    ("program", "start"),
    [
        pytest.param("cmsearch", "INFERNAL 1.", marks=pytest.mark.tool("cmsearch")),
        pytest.param("nhmmer", "HMMER 3.", marks=pytest.mark.tool("nhmmer")),
        pytest.param("blastn", "blastn: 2.", marks=pytest.mark.tool("blastn")),
        pytest.param("mafft", "v7.", marks=pytest.mark.tool("mafft")),
    ],
)
def test_versions(program: str, start: str):
    assert tools.version(program).startswith(start)


@pytest.mark.tool("mmseqs")
def test_version_of_mmseqs():
    assert any(letter.isdigit() for letter in tools.version("mmseqs"))
