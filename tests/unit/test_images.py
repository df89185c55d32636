"""One place names the images of the pipeline, and a release's digests come into it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rhoma import __version__

ROOT = Path(__file__).parents[2]
CONFIG = (ROOT / "conf" / "containers.config").read_text()
IMAGES = dict(re.findall(r"(image_\w+) += '(\S+)'", CONFIG))


def digests(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "setup" / "image_digests.py", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


@pytest.fixture
def built(tmp_path: Path) -> dict[str, str]:
    """What docker buildx notes of every image, in the directory ``built``; returns the digests by name."""
    names = [image.split("/")[1].split(":")[0] for image in IMAGES.values()]
    found = {name: f"sha256:{number:064x}" for number, name in enumerate(names)}
    (tmp_path / "built").mkdir()
    for name, digest in found.items():
        noted = {"containerimage.digest": digest, "image.name": f"ghcr.io/lab/{name}:{__version__}"}
        (tmp_path / "built" / f"{name}.json").write_text(json.dumps(noted))
    return found


def test_images_have_dockerfiles_and_this_version() -> None:
    made = {path.parent.name for path in (ROOT / "containers").glob("*/Dockerfile")}
    assert set(IMAGES.values()) == {f"rhoma/{name}:{__version__}" for name in made}


def test_nothing_else_names_an_image() -> None:
    paths = [*(ROOT / "modules").rglob("main.nf"), *(ROOT / "conf").glob("*.config"), ROOT / "nextflow.config"]
    named = {path.name for path in paths if re.search(r"rhoma/[a-z-]+:\d", path.read_text())}
    assert named == {"containers.config"}
    asked = {name for path in paths for name in re.findall(r"params\.(image_\w+)", path.read_text())}
    assert asked == set(IMAGES)


def test_the_schema_has_the_same_defaults() -> None:
    groups = json.loads((ROOT / "nextflow_schema.json").read_text())["$defs"]
    defaults = {name: told.get("default") for group in groups.values() for name, told in group["properties"].items()}
    assert {name: defaults[name] for name in IMAGES} == IMAGES


def test_digests_are_parameters(tmp_path: Path, built: dict[str, str]) -> None:
    done = digests("ghcr.io/lab/", tmp_path / "built")
    assert done.returncode == 0, done.stderr
    named = yaml.safe_load(done.stdout)
    assert set(named) == set(IMAGES)
    assert set(named.values()) == {f"ghcr.io/lab/{name}@{digest}" for name, digest in built.items()}
    assert named["image_rna_tools"].startswith("ghcr.io/lab/rna-tools@sha256:")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "rhoma-gpu.json: no such file. Remedy: build rhoma-gpu with --metadata-file"),
        ("[]", "rhoma-gpu.json: no metadata of docker buildx"),
        ("{", "rhoma-gpu.json: no metadata of docker buildx"),
        ("{}", "rhoma-gpu.json: '' is no digest"),
        ('{"containerimage.digest": "sha256:12"}', "rhoma-gpu.json: 'sha256:12' is no digest"),
    ],
)
def test_an_image_without_digest_is_named(
    tmp_path: Path, built: dict[str, str], content: str | None, said: str
) -> None:
    path = tmp_path / "built" / "rhoma-gpu.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    done = digests("ghcr.io/lab", tmp_path / "built")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_a_release_builds_every_image_and_notes_its_digest() -> None:
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())["jobs"]["images"]["steps"]
    script = steps[-1]["run"]
    for part in ("containers/*/Dockerfile", '--metadata-file "built/$name.json"', "setup/image_digests.py"):
        assert part in script
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
