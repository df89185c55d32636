"""The descriptions of the pipeline's modules agree with what the modules say of themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.parent for path in (ROOT / "modules" / "local").rglob("main.nf"))


def _section(text: str, name: str) -> list[str]:
    """Returns the lines of a process's section."""
    found = re.search(rf"\n    {name}:\n(.*?)\n\n", text, re.DOTALL)
    lines = found[1].splitlines() if found else []
    return [line.split(" //")[0].strip() for line in lines if line.strip() and "topic: versions" not in line]


def _names(channels: list[Any]) -> list[list[str]]:
    """Returns the names of the elements of each channel of a description."""
    return [
        [next(iter(part)) for part in (channel if isinstance(channel, list) else [channel])] for channel in channels
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT / "modules" / "local").as_posix())
def test_meta_names_inputs_and_outputs(module: Path) -> None:
    text = (module / "main.nf").read_text()
    meta = yaml.safe_load((module / "meta.yml").read_text())
    assert meta["name"] == re.search(r"^process (\w+)", text, re.MULTILINE)[1].lower()
    declared = [
        ["stdin"] if line.startswith("stdin") else re.findall(r"(?:val|path)[ (]\(?(\w+)", line)
        for line in _section(text, "input")
    ]
    assert _names(meta.get("input", [])) == declared
    emitted = [re.search(r"emit: (\w+)", line)[1] for line in _section(text, "output")]
    assert list(meta["output"]) == emitted
    tools = re.findall(r"val\('(\w+)'\), eval", text)
    assert [next(iter(tool)) for tool in meta["tools"]] == (tools or ["rhoma"])


def test_commands_do_not_grow_with_data() -> None:
    """Only a benchmark's methods and databases, which are few, are words of a command line."""
    growing = {
        module.relative_to(ROOT / "modules" / "local").parts[0]
        for module in MODULES
        if re.search(r'collect(Many)? \{ \w+ -> "--', (module / "main.nf").read_text())
    }
    assert growing == {"evaluate"}
