"""A site without network: `make test-offline` packs what it needs and runs this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import HANGS, results

if TYPE_CHECKING:
    from .conftest import Finished

PACK = Path(os.environ.get("RHOMA_PACK", ""))
NO_NETWORK = ("unshare", "--map-root-user", "--net")


def _no_network_can_be_had() -> bool:
    try:
        return subprocess.run([*NO_NETWORK, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not PACK.is_file(), reason="the pack is missing (RHOMA_PACK=FILE; setup/pack.sh makes one)")
@pytest.mark.skipif(
    not _no_network_can_be_had(), reason="this machine gives no empty network namespace (unshare --net)"
)
def test_the_pack_is_set_up_and_searches_without_network(demo: Finished, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", PACK], cwd=tmp_path, check=True)
    site = tmp_path / "rhoma"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=site, check=True)
    mine = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != mine)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = (
        "setup/install.sh && PATH=$PWD/.venv/bin:$PATH nextflow run main.nf -profile test --outdir out --save_index"
    )
    done = subprocess.run(
        [*NO_NETWORK, "bash", "-c", command],
        cwd=site,
        env=kept | {"PATH": path, "NXF_HOME": str(tmp_path / "home"), "NXF_ANSI_LOG": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=HANGS,
    )
    assert done.returncode == 0, done.stdout
    found, theirs = results(site / "out"), results(demo.out)
    # the page tells where the input lies
    assert found.pop("report.html") != theirs.pop("report.html")
    assert found == theirs
