"""The nf-test file of every module: what it says of the process is true, and its tests pass.

The set-up has no nf-test, so Nextflow itself runs them: as nf-test does, a workflow calls each process with the test's
``input`` and then makes the test's assertions about its channels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Nextflow

LOCAL = ROOT / "modules" / "local"
MODULES = sorted(path.parent for path in LOCAL.rglob("main.nf"))


@dataclass(frozen=True)
class ModuleTest:
    """The one test of a module's file."""

    module: Path
    process: str
    inputs: str
    assertions: list[str]


def _section(text: str, start: str, end: str) -> str:
    found = re.search(rf"{start}(.*?){end}", text, re.DOTALL)
    assert found is not None, f"there is no {start} ... {end}"
    return found[1]


def read(module: Path) -> ModuleTest:
    """Returns what the nf-test file of a module says."""
    text = (module / "tests" / "main.nf.test").read_text()
    inputs = _section(text, r'process \{\s*"""\n', r' *"""')
    return ModuleTest(
        module,
        _section(text, r'\n    process "', '"'),
        inputs.replace("${projectDir}", str(ROOT)),
        re.findall(r"\{ (assert .*?) \},?\n", _section(text, r"assertAll\(\n", r" {12}\)\n")),
    )


def workflow(tests: list[ModuleTest]) -> str:
    """Returns a script that runs all tests; it fails with the first assertion that does."""
    lines = [f"include {{ {test.process} }} from '{test.module}/main.nf'" for test in tests]
    lines += [
        # what nf-test reads of a channel is JSON: paths are texts there
        "def plain(value) {",
        "    value instanceof Path ? value.toString() : value instanceof List ? value.collect { plain(it) } : value",
        "}",
        "workflow {",
    ]
    for number, test in enumerate(tests):
        name = f"input_{number}"
        lines += [f"    def {name} = []", *re.sub(r"\binput\[", f"{name}[", test.inputs).splitlines()]
        lines.append(f"    {test.process}(*{name})")
        checks = [line for line in test.assertions if "process.out." in line]
        channels = sorted(set(re.findall(r"process\.out\.(\w+)", " ".join(checks))))
        if not channels:
            continue
        outs = [f"{test.process}.out.{channel}.toList().map {{ [['{channel}', plain(it)]] }}" for channel in channels]
        lines += [
            f"    {outs[0]}{''.join(f'.mix({other})' for other in outs[1:])}.collect().subscribe {{ pairs ->",
            "        def process = [out: pairs.collectEntries()]",
            *(f"        {line}" for line in checks),
            f"        println 'checked {test.process} ' + process.out.keySet().sort()",
            "    }",
        ]
    return "\n".join([*lines, "}", ""])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(LOCAL).as_posix())
def test_what_the_file_says_of_the_process(module: Path) -> None:
    text = (module / "tests" / "main.nf.test").read_text()
    main = (module / "main.nf").read_text()
    test = read(module)
    name = module.relative_to(LOCAL).as_posix()
    assert test.process == _section(main, r"\nprocess ", r" \{")
    assert f'name "Test Process {test.process}"' in text
    assert 'script "../main.nf"' in text
    assert (module / "tests" / "../main.nf").is_file()
    assert set(re.findall(r'tag "(.*)"', text)) == {"modules", "modules_local", *name.split("/"), name}
    assert 'options "-stub"' in text
    declared = re.search(r"\n    input:\n(.*?)\n\n", main, re.DOTALL)
    wanted = len(declared[1].splitlines()) if declared else 0
    assert re.findall(r"input\[(\d+)\] =", test.inputs) == [str(number) for number in range(wanted)]
    # every channel that a stub fills is asserted something about
    emitted = set(re.findall(r"emit: (\w+)(?!.*optional: true)", main))
    told = set(re.findall(r"process\.out\.(\w+)", " ".join(test.assertions)))
    assert emitted <= told <= set(re.findall(r"emit: (\w+)", main))
    assert test.assertions[0] == "assert process.success"


def test_the_tests_pass(nextflow: Nextflow, tmp_path: Path) -> None:
    tests = [read(module) for module in MODULES]
    script = tmp_path / "modules.nf"
    script.write_text(workflow(tests))
    configs = [text for name in ("base", "containers") for text in ("-c", ROOT / "conf" / f"{name}.config")]
    done = nextflow(*configs, "run", script, "-stub-run", "-with-trace", "trace.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    tasks = [line.split("\t") for line in (tmp_path / "trace.txt").read_text().splitlines()[1:]]
    assert sorted(task[3].split(" ")[0] for task in tasks) == sorted(test.process for test in tests)
    assert {task[4] for task in tasks} == {"COMPLETED"}
    checked = re.findall(r"^checked (\w+) ", done.stdout, re.MULTILINE)
    assert sorted(checked) == sorted(t.process for t in tests if any("process.out." in line for line in t.assertions))
