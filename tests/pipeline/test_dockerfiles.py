"""Images built from their Dockerfiles: `make test-images` runs this, as root and with a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rhoma import __version__

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

(MULTIQC,) = re.findall(r"^multiqc==(\S+)", (ROOT / "requirements" / "multiqc.lock").read_text(), re.MULTILINE)
# what tasks call, and the libraries that might miss one of Debian's
RUN = (
    *("mmseqs version", "cmsearch -h", "mafft --version 2>&1", "nhmmer -h", "blastn -version", "rhoma search --help"),
    "python3 -c 'import RNA, faiss, matplotlib, onnxruntime, pyhmmer, pysam, sklearn; print(RNA.__version__)'",
)
CERTIFICATES = Path("/usr/local/share/ca-certificates")


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Returns buildah, called in a store of its own where Debian's packages make debian:bookworm-slim."""
    place = tmp_path_factory.mktemp("images")

    def call(*arguments: str | Path) -> str:
        command = ["buildah", "--root", place / "root", "--runroot", place / "run", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # what this machine's network may ask for beside Debian's own
    hooks = [f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"] if CERTIFICATES.is_dir() else []
    subprocess.run(["mmdebstrap", "--variant=minbase", *hooks, "bookworm", place / "base.tar"], check=True)
    (place / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
    call("bud", "--isolation", "chroot", "--tag", "debian:bookworm-slim", place)
    yield call
    call("rm", "--all")
    shutil.rmtree(place)


@pytest.mark.slow
@pytest.mark.xdist_group("images")
@pytest.mark.tool("buildah", "mmdebstrap")
@pytest.mark.skipif(
    "RHOMA_IMAGES" not in os.environ, reason="images take root, a network and minutes (RHOMA_IMAGES=yes)"
)
@pytest.mark.parametrize(
    ("name", "version", "licence", "programs"),
    [
        ("rhoma", __version__, "MIT", RUN),
        ("multiqc", MULTIQC, "GPL-3.0-or-later", ()),
    ],
)
def test_an_image_is_built_from_its_dockerfile(
    buildah: Callable[..., str], name: str, version: str, licence: str, programs: tuple[str, ...]
) -> None:
    file = f"containers/{name}/Dockerfile"
    # --pull-never: buildah would ask a registry for a newer base
    buildah("bud", "--isolation", "chroot", "--pull-never", "--build-arg", "VERSION=7.8", "--tag", name, "--file", file)
    container = buildah("from", "--pull-never", name).strip()

    def run(command: str) -> str:
        return buildah("run", "--isolation", "chroot", container, "--", "bash", "-c", command)

    assert run("id -u") == "10001\n"
    # of Nextflow's task wrapper
    assert "bash" in run("ps -e -o comm").splitlines()
    assert run(f"{name} --version").split()[-1] == version
    for program in programs:
        assert run(program)
    labels = json.loads(buildah("inspect", "--type", "image", name))["OCIv1"]["config"]["Labels"]
    told = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert (told["title"], told["version"], told["licenses"]) == (name, "7.8", licence)
