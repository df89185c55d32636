"""What says which packages Rhoma needs says the same everywhere: pyproject.toml, lock files, conda's files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rhoma import __version__

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
EXTRAS = PROJECT["optional-dependencies"]
# where conda calls a package otherwise
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
PROGRAMS = {"infernal", "mafft", "mmseqs2"}


def requirement(text: str) -> tuple[str, str]:
    """Returns the name and the sorted limits of a requirement, of pip or of conda."""
    found = Requirement(text.replace(" ", "", 1))
    return canonicalize_name(found.name), str(found.specifier)


def recipe() -> dict[str, Any]:
    """Returns the conda recipe as it is rendered; conda's own functions are stood in for."""
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        (ROOT / "conda" / "meta.yaml").read_text()
    )
    return yaml.safe_load(template.render(PYTHON="$PYTHON", pin_subpackage=lambda name, max_pin: f"{name} {max_pin}"))


def locked(name: str) -> dict[str, str]:
    """Returns the versions of a lock file by the names of packages."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)", text, re.MULTILINE))


def test_the_recipe_needs_what_the_package_needs() -> None:
    run = dict(map(requirement, recipe()["requirements"]["run"]))
    assert run.pop("python") == PROJECT["requires-python"]
    wanted = {CONDA_NAMES.get(name, name): limits for name, limits in map(requirement, PROJECT["dependencies"])}
    assert {name: limits for name, limits in run.items() if name not in PROGRAMS} == wanted
    assert set(run) >= PROGRAMS


def test_the_recipe_is_of_this_version_and_builds_as_pyproject_says() -> None:
    rendered = recipe()
    assert rendered["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    assert PROJECT["version"] == __version__
    assert rendered["build"]["noarch"] == "python"
    (script,) = PROJECT["scripts"].items()
    assert rendered["build"]["entry_points"] == [" = ".join(script)]
    host = dict(map(requirement, rendered["requirements"]["host"]))
    assert dict(map(requirement, PYPROJECT["build-system"]["requires"])).items() <= host.items()
    assert rendered["about"]["license"] == PROJECT["license"]
    assert (ROOT / rendered["about"]["license_file"]).is_file()
    assert "rhoma --help" in rendered["test"]["commands"]


def environment(path: str) -> tuple[dict[str, str], list[str]]:
    """Returns the limits of an environment of conda, by the names of packages, and its lines for pip."""
    lines = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    (pip,) = (line["pip"] for line in lines if isinstance(line, dict))
    limits = (
        requirement(line.replace("=", "==", 1) if re.fullmatch(r"[\w-]+=[\d.]+", line) else line)
        for line in lines
        if isinstance(line, str)
    )
    return dict(limits), pip


def test_recipe_and_environment_take_the_same_programs() -> None:
    limits, pip = environment("environment.yml")
    run = dict(map(requirement, recipe()["requirements"]["run"]))
    assert {name: limits.get(name) for name in PROGRAMS} == {name: run[name] for name in PROGRAMS}
    assert pip == ["-r requirements/versions.txt", "."]


@pytest.mark.parametrize(
    ("name", "more", "versions"),
    [
        ("tasks", set(), "versions.txt"),
        ("evaluate", {"blast", "hmmer"}, "versions.txt"),
        ("gpu", {"blast", "hmmer"}, "versions-gpu.txt"),
    ],
)
def test_tasks_have_what_they_run_and_no_more(name: str, more: set[str], versions: str) -> None:
    """What Nextflow runs on (nextflow, openjdk, maven) is in no environment of a task."""
    whole, _ = environment("environment.yml")
    limits, pip = environment(f"conda/{name}.yml")
    wanted = {"python", "pip", "procps-ng", *PROGRAMS, *more}
    assert limits == {package: whole[package] for package in wanted}
    assert pip == [f"-r ../requirements/{versions}", ".."]
    # conda calls pip in the directory of the file
    assert (ROOT / "conda" / pip[0].split()[1]).is_file()
    assert (ROOT / "conda" / pip[1] / "pyproject.toml").is_file()
    # else Nextflow would keep the environment of an older Rhoma
    assert f"name: rhoma-{name}-{__version__}\n" in (ROOT / "conda" / f"{name}.yml").read_text()


@pytest.mark.parametrize("name", ["run.lock", "versions.txt", "versions-gpu.txt", "gpu.lock", "audit.lock"])
def test_lock_files_agree(name: str) -> None:
    everything = locked("dev.lock")
    assert {package: version for package, version in locked(name).items() if package in everything} == {
        package: everything[package] for package in locked(name) if package in everything
    }


def test_conda_takes_the_locked_versions() -> None:
    assert locked("versions.txt") == locked("run.lock")
    module = ROOT / "modules" / "local" / "multiqc" / "environment.yml"
    (pip,) = (line["pip"] for line in yaml.safe_load(module.read_text())["dependencies"] if isinstance(line, dict))
    assert pip == [f"multiqc=={locked('multiqc.lock')['multiqc']}"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("run.lock", PROJECT["dependencies"]),
        ("dev.lock", [*PROJECT["dependencies"], *GROUPS["dev"], *EXTRAS["train"], *EXTRAS["hub"]]),
        ("gpu.lock", [*EXTRAS["gpu"], *EXTRAS["train"], *EXTRAS["hub"]]),
        ("versions-gpu.txt", [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["hub"]]),
        ("audit.lock", GROUPS["audit"]),
        ("multiqc.lock", GROUPS["multiqc"]),
    ],
)
def test_what_is_installed_is_what_the_project_asks_for(name: str, asked: list[str]) -> None:
    versions = locked(name)
    for wanted in map(Requirement, asked):
        assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), wanted


def test_the_gpu_image_has_neither_the_tests_nor_a_second_faiss() -> None:
    assert {"faiss-cpu", "mypy", "pytest", "ruff"} & set(locked("gpu.lock")) == set()


@pytest.mark.parametrize("path", ["nextflow.config", "CHANGELOG.md"])
def test_the_version_is_everywhere_the_same(path: str) -> None:
    assert re.search(rf"(?m)^(    version +=|##) '?{re.escape(__version__)}\b", (ROOT / path).read_text())
