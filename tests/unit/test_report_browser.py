"""The report in a headless browser, on a desk and on a phone."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from rhoma.alignment import Alignment
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.stockholm import format_stockholm
from rhoma.msa.draw import draw_structure
from rhoma.msa.quality import format_quality, measure
from rhoma.report.families import write_families_report

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.tool("chromium")]

# Geometry of the page, written into its title: widths, and whether the rows are as wide as their letters say.
PROBE = """<script>
var rows = document.querySelector("pre.rows"), range = document.createRange();
var text = rows.lastChild; while (text.nodeType !== 3) { text = text.lastChild; }
var line = text.data.split("\\n").pop();
range.setStart(text, text.data.length - line.length); range.setEnd(text, text.data.length);
document.title = JSON.stringify({page: document.documentElement.scrollWidth, window: innerWidth,
  letters: range.getBoundingClientRect().width, rows: rows.getBoundingClientRect().width,
  scroll: rows.parentNode.clientWidth,
  warnings: document.querySelector(".warnings").getBoundingClientRect().top,
  overview: document.getElementById("overview").getBoundingClientRect().top});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a family with long rows and names, all open."""
    place = tmp_path_factory.mktemp("browser")
    # the last row has no pair, so that its letters are one text
    rows = ("GGGCAAAAGCCC" * 20, "GGACAAAAGUCC" * 20, "-" * 240)
    names = ("query", "a_rather_long_name_of_a_sequence.12/100000-100239", "last")
    alignment = Alignment(names, rows, "((((....))))" * 20, "GGGCAAAAGCCC" * 20, lines={"cov": "..2......2.." * 20})
    family = place / "msa" / "fam"
    family.mkdir(parents=True)
    (family / "msa.sto").write_text(format_stockholm(alignment))
    (family / "structure.svg").write_text(draw_structure(alignment, title="fam"))
    quality = measure(alignment, query="fam", hits=2, method="cm", warnings=["only 1.5 effective sequences"])
    (place / "msa" / "msa.tsv").write_text(format_quality([quality]))
    write_failed(place / "msa" / FAILED, [("bad", "a reason " * 40)])
    write_families_report([place / "msa"], place / "out")
    path = place / "page.html"
    path.write_text((place / "out" / "report.html").read_text().replace("</body>", f"{PROBE}</body>"))
    return path


# a window of chromium's is never narrower than 500 pixels: a phone is a frame of that width
@pytest.mark.parametrize("width", [1300, 390])
def test_the_page_fits_its_window(page: Path, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe id="f" src="{page.as_uri()}" style="border:0;width:{width}px;height:900px"></iframe><script>'
        'document.getElementById("f").onload = function () { document.title = this.contentDocument.title; };</script>'
    )
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, check=True, timeout=300
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found, done.stderr
    seen = json.loads(found[1])
    assert seen["window"] == width
    # nothing sticks out to the side; what is wider scrolls in its own frame
    assert seen["page"] <= width
    assert seen["scroll"] < width
    # stripes of the background are measured in letters
    assert seen["rows"] == pytest.approx(seen["letters"], abs=1.0)
    assert seen["warnings"] < seen["overview"]
