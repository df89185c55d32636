"""The demo in a real container: `make test-charliecloud` builds the image and runs this."""

from __future__ import annotations

import getpass
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT, results

if TYPE_CHECKING:
    from .conftest import Finished, Nextflow

IMAGE = Path(os.environ.get("RHOMA_IMAGE", ""))


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("ch-run") is None or not (IMAGE / "ch" / "environment").is_file(),
    reason="Charliecloud or its image is missing (RHOMA_IMAGE=DIRECTORY; containers/directory.sh makes one)",
)
def test_the_demo_in_charliecloud(
    demo: Finished, nextflow: Nextflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ch-run stops without it
    monkeypatch.setenv("USER", getpass.getuser())
    options = ("--image_rhoma", IMAGE, "--skip_multiqc", "--outdir", "out")
    done = nextflow.run("-profile", "test,charliecloud", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    scripts = [path.read_text() for path in tmp_path.glob("work/*/*/.command.run")]
    assert scripts
    assert all(f"{IMAGE} -- /bin/bash" in text for text in scripts)
    assert results(tmp_path / "out") == results(demo.out)


def test_an_image_from_a_tar_has_the_environment_of_the_dockerfile() -> None:
    lines = dict(line.split("=", 1) for line in (ROOT / "containers" / "environment").read_text().splitlines())
    for image in ("rhoma", "rhoma-gpu"):
        text = (ROOT / "containers" / image / "Dockerfile").read_text()
        assert f"ENV PATH={lines['PATH'].split(':')[0]}:$PATH " in text
        assert [name for name, value in lines.items() if name != "PATH" and f" {name}={value}" not in text] == []
        assert "COPY containers/environment /ch/environment" in text
