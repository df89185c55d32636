from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from rhoma import tools
from rhoma.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path


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
