"""A site without network, and the pack that brings what it needs: `make test-offline` runs this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import HANGS, ROOT, results

if TYPE_CHECKING:
    from .conftest import Finished

NO_NETWORK = ("unshare", "--map-root-user", "--net")


def _no_network_can_be_had() -> bool:
    try:
        return subprocess.run([*NO_NETWORK, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif("RHOMA_PACK" not in os.environ, reason="a pack is made where there is a network (RHOMA_PACK=yes)")
@pytest.mark.skipif(
    not _no_network_can_be_had(), reason="this machine gives no empty network namespace (unshare --net)"
)
def test_the_pack_is_set_up_and_searches_without_network(demo: Finished, tmp_path: Path) -> None:
    (tmp_path / "image" / "bin").mkdir(parents=True)
    (tmp_path / "image" / "bin" / "bash").touch(0o755)
    (tmp_path / "image" / "bin" / "sh").symlink_to("bash")
    call = [ROOT / "setup" / "pack.sh", "rhoma.tar", "--database", demo.out / "index", "image"]
    subprocess.run(call, cwd=tmp_path, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"image", "rhoma.tar"}
    again = subprocess.run([*call, "image"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (again.returncode, "image: another of that name is packed" in again.stderr) == (1, True)
    subprocess.run(["tar", "-xf", "rhoma.tar"], cwd=tmp_path, check=True)
    site = tmp_path / "rhoma"
    assert (site / "images" / "image" / "bin" / "sh").is_symlink()
    assert os.access(site / "images" / "image" / "bin" / "bash", os.X_OK)
    sums = (site / "SHA256SUMS").read_text()
    assert "  ./databases/index/manifest.json\n" in sums
    assert "  ./images/image/bin/bash\n" in sums
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=site, check=True)
    mine = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != mine)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = (
        "setup/install.sh && export PATH=$PWD/.venv/bin:$PATH && "
        "nextflow run main.nf -profile test --outdir out && "
        "rhoma search assets/demo/queries.fasta databases/index --labels assets/demo/labels.tsv -o by_index"
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
    by_index = results(site / "by_index")
    assert {name: by_index.get(name) for name in theirs} == theirs
