from __future__ import annotations

import html
import json
import math
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from rhoma.alignment import Alignment
from rhoma.errors import ArtefactError, InputError
from rhoma.hits import Hit
from rhoma.io.a3m import format_a3m
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.families import FAMILIES, FamilyCall, write_families
from rhoma.io.fasta import Skipped, write_fasta
from rhoma.io.hits import read_hits_tsv, write_hits_tsv
from rhoma.io.m8 import write_m8
from rhoma.io.rounds import ROUNDS, write_rounds
from rhoma.io.skipped import read_skipped, write_skipped
from rhoma.io.stockholm import format_stockholm
from rhoma.io.tblout import write_tblout
from rhoma.msa.draw import draw_structure
from rhoma.msa.quality import format_quality, measure, read_quality
from rhoma.report import page as module
from rhoma.report.collect import collect, depth, read_parameters, read_versions
from rhoma.report.merge import merge_tables
from rhoma.report.multiqc import write_multiqc
from rhoma.report.page import PageConfig, family_call, render, write_page
from rhoma.sequences import Record, safe_name

MULTIQC = Path(__file__).parents[2] / "assets" / "multiqc_config.yml"
NASTY = "<script>alert('x')</script>\"$(id)"
ALIGNMENT = Alignment(("q", "a/1-8"), ("GGCAAGCC", "GACAA-UC"), "(((..)))", "GGCAAGCC")


class Tags(HTMLParser):
    """Collects the tags, ids and links of a page, and checks that what must be closed is closed."""

    VOID = frozenset({"meta", "input", "br", "img", "link", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return tags


def hit(query: str, target: str, evalue: float, family: str = "", clan: str = "") -> Hit:
    score = -math.log10(evalue)
    return Hit(query, target, "-", 1, 8, 3, 10, 8, 0.75, 0.5, score, 33.3, evalue, "profile", family, clan)


def make_batch(directory: Path, hits: dict[str, list[Hit]]) -> tuple[Path, Path]:
    """Writes the search and the alignment output of a batch whose queries have ALIGNMENT."""
    search, msa = directory / "search", directory / "msa"
    for path in (search, msa):
        path.mkdir(parents=True)
    everything = [one for found in hits.values() for one in found]
    write_hits_tsv(search / "hits.tsv", everything)
    write_m8(search / "hits.m8", everything)
    write_rounds(search / ROUNDS, [(name, 1, 1, 1000, 900, 3, 0, False, name == "zeta", 1812.4) for name in hits])
    for path in (search, msa):
        write_failed(path / FAILED, [])
    rows = []
    for name in hits:
        place = msa / safe_name(name)
        place.mkdir()
        (place / "msa.sto").write_text(format_stockholm(ALIGNMENT))
        (place / "msa.a3m").write_text(format_a3m(ALIGNMENT))
        (place / "structure.svg").write_text(draw_structure(ALIGNMENT, title=name))
        rows.append(measure(ALIGNMENT, query=name, hits=len(hits[name]), method="cm"))
    (msa / "msa.tsv").write_text(format_quality(rows))
    return search, msa


@pytest.fixture
def batches(tmp_path: Path) -> tuple[list[Path], list[Path], Path]:
    """Two batches of four queries in all, and the FASTA that gives their order."""
    one = make_batch(tmp_path / "1", {"zeta": [hit("zeta", "t1", 1e-9, "tRNA", "CL1"), hit("zeta", "t2", 2.0)]})
    two = make_batch(
        tmp_path / "2",
        {"alpha": [hit("alpha", NASTY, 1e-20, NASTY)], "none": [], NASTY: [hit(NASTY, "t", 1e-5)]},
    )
    fasta = tmp_path / "queries.fasta"
    write_fasta(fasta, [Record(n, "", "GGCAAGCCGGCAAGCC"[:16]) for n in ("none", "zeta", NASTY, "alpha")])
    return [one[0], two[0]], [one[1], two[1]], fasta


def test_queries_come_in_the_order_of_the_input(batches) -> None:
    search, msa, fasta = batches
    run = collect(search, msa, fasta=[fasta])
    assert [query.name for query in run.queries] == ["none", "zeta", NASTY, "alpha"]
    assert [query.length for query in run.queries] == [8] * 4  # what the alignments tell
    assert [len(query.hits) for query in run.queries] == [0, 2, 1, 1]
    assert run == collect(search[::-1], msa[::-1], fasta=[fasta])
    assert [query.name for query in collect(search, msa).queries] == ["zeta", "alpha", "none", NASTY]
    assert [query.name for query in collect(search).queries] == sorted([NASTY, "alpha", "zeta"])


def test_a_batch_given_twice_is_refused(batches) -> None:
    search, _, _ = batches
    with pytest.raises(InputError, match="record 'zeta': has hits in an earlier directory too"):
        collect([search[0], search[0]])


def test_depth_counts_the_querys_columns(batches) -> None:
    search, msa, _ = batches
    run = collect(search, msa)
    assert depth(run.queries[0].alignment()) == [2, 2, 2, 2, 2, 1, 2, 2]
    assert depth(collect(search).queries[0].alignment()) == []


def test_merged_tables(batches, tmp_path) -> None:
    search, msa, fasta = batches
    for directory in search:
        write_tblout(directory / "hits.tblout", read_hits_tsv(directory / "hits.tsv"), evalue=1e-3)
    out = tmp_path / "out"
    out.mkdir()
    merge_tables(search, collect(search, msa, fasta=[fasta]), out)
    names = ["hits.bed", "hits.gff3", "hits.m8", "hits.tblout", "hits.tsv", "msa.tsv"]
    assert sorted(path.name for path in out.iterdir()) == names
    names = [one.query for one in read_hits_tsv(out / "hits.tsv")]
    assert names == sorted([NASTY, "alpha", "zeta", "zeta"])
    assert [line.split("\t")[0] for line in (out / "hits.m8").read_text().splitlines()] == names
    assert [line.split()[2] for line in (out / "hits.tblout").read_text().splitlines()[2:]] == names
    assert [row.query for row in read_quality(out / "msa.tsv")] == ["none", "zeta", NASTY, "alpha"]


def test_the_page_is_whole_and_names_are_text(batches, tmp_path) -> None:
    search, msa, fasta = batches
    write_skipped(tmp_path / "skipped.tsv", [Skipped(f"{NASTY}2", 9, "too <b>short</b>")])
    (tmp_path / "params.json").write_text(json.dumps({"input": NASTY, "evalue": 0.001, "none": None}))
    (tmp_path / "versions.yml").write_text('"A:B":\n  hmmer: 3.4\nC:\n  infernal: "<i>1.1.4</i>"\n')
    run = collect(
        search,
        msa,
        fasta=[fasta],
        skipped=[tmp_path / "skipped.tsv"],
        parameters=tmp_path / "params.json",
        versions=tmp_path / "versions.yml",
    )
    text = render(run, PageConfig(title=NASTY))
    tags = parsed(text)
    assert "<script>alert" not in text
    assert "<b>short" not in text
    assert "<i>1.1.4" not in text
    shown = "".join(tags.text)
    assert shown.count(NASTY) >= 6
    assert [tag for tag, _ in tags.seen].count("script") == 1
    assert [tag for tag, _ in tags.seen].count("details") == 4 + 2
    assert "no homolog found" in shown
    assert "tRNA (1 of 1)" in shown


def test_the_page_needs_no_network_and_links_within_the_output(batches) -> None:
    search, msa, fasta = batches
    text = render(collect(search, msa, fasta=[fasta]), PageConfig())
    tags = parsed(text)
    ids = {attributes["id"] for _, attributes in tags.seen if attributes.get("id")}
    links = [attributes["href"] or "" for tag, attributes in tags.seen if tag == "a"]
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert re.fullmatch(r"[a-z_]+\.[a-z0-9]+|queries/[A-Za-z0-9%._-]+/[a-z0-9]+\.[a-z0-9]+", link)
            assert not link.startswith(".")
    assert not [tag for tag, _ in tags.seen if tag in ("link", "iframe", "img")]
    assert not [a for _, a in tags.seen if "src" in a]
    addresses = set(re.findall(r"https?://[^\s'\"<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a format, not an address that is fetched
    assert "url(" not in text
    assert "@import" not in text


def test_the_same_run_gives_the_same_page(batches) -> None:
    search, msa, fasta = batches
    first = render(collect(search, msa, fasta=[fasta]), PageConfig())
    assert first == render(collect(search[::-1], msa[::-1], fasta=[fasta]), PageConfig())


def test_a_run_without_hits_or_alignments_has_a_page(tmp_path) -> None:
    search = tmp_path / "search"
    search.mkdir()
    write_hits_tsv(search / "hits.tsv", [])
    write_rounds(search / ROUNDS, [])
    write_failed(search / FAILED, [("broken", "no <memory>")])
    assert "No query was searched." in render(collect([search]), PageConfig())
    write_fasta(tmp_path / "q.fasta", [Record("lonely", "", "ACGUACGUACGUACGU")])
    text = render(collect([search], fasta=[tmp_path / "q.fasta"]), PageConfig())
    parsed(text)
    assert "lonely" in text
    assert "no homolog found" in text


def test_size_is_bounded(batches, monkeypatch) -> None:
    search, msa, fasta = batches
    run = collect(search, msa, fasta=[fasta])
    few = parsed(render(run, PageConfig(sections=1)))
    assert [tag for tag, _ in few.seen].count("details") == 1
    monkeypatch.setattr(module, "MOST_DRAWING_BYTES", 0)
    text = render(run, PageConfig())
    assert "Consensus structure of" not in text
    assert "The drawing is in" in text


def test_the_table_of_hits_is_cut(batches) -> None:
    search, msa, fasta = batches
    text = render(collect(search, msa, fasta=[fasta]), PageConfig(top=1))
    assert "best 1 of 2" in text


def test_the_page_says_what_e_values_refer_to(batches) -> None:
    search, msa, _ = batches
    said = "The database stands for <b>1,812.4</b> comparisons (Z) of a query with 500 nucleotides, on both strands."
    assert said in render(collect(search, msa), PageConfig())
    (search[0] / ROUNDS).write_text((search[0] / ROUNDS).read_text().replace("1812.4", "90.0"))
    assert "stands for <b>90.0 and 1,812.4</b> comparisons" in render(collect(search, msa), PageConfig())
    (search[0] / ROUNDS).write_text((search[0] / ROUNDS).read_text().replace("90.0", "much"))
    with pytest.raises(InputError, match="record 'zeta': has a row that is none of rounds"):
        collect(search, msa)


def test_the_accession_of_a_known_family_stands_beside_it(batches, tmp_path: Path) -> None:
    search, _, _ = batches
    for directory in search:
        write_tblout(directory / "hits.tblout", read_hits_tsv(directory / "hits.tsv"), evalue=1e-3)
    calls = [FamilyCall("zeta"), FamilyCall("zeta", "t1", "-", 3, 10, "tRNA", "RF00005", "CL1", 40.0)]
    write_families(search[0] / FAMILIES, calls)
    run = collect(search)
    cells = re.findall(r'<td class="family">(.*?)</td>', render(run, PageConfig()))
    assert sorted(map(html.unescape, cells)) == ["", "", NASTY, 'tRNA RF00005 <span class="badge none">CL1</span>']
    merge_tables(search, run, tmp_path)
    rows = [row.split() for row in (tmp_path / "hits.tblout").read_text().splitlines()[2:]]
    assert [row[1] for row in rows if row[0] == "t1"] == ["RF00005"]
    assert {row[1] for row in rows if row[0] != "t1"} == {"-"}


def test_family_calls() -> None:
    assert family_call([]) == ("", "")
    assert family_call([hit("q", "a", 1.0)]) == ("", "")
    found = [hit("q", t, 1.0, f, c) for t, f, c in (("a", "B", "X"), ("b", "A", "Y"), ("c", "", ""))]
    assert family_call(found) == ("A (1 of 3)", "Y")


def test_multiqc_table(batches, tmp_path) -> None:
    search, msa, fasta = batches
    write_failed(search[1] / FAILED, [("#broken", "no <memory>, none")])
    skipped = tmp_path / "skipped.tsv"
    write_skipped(skipped, [Skipped("short", 9, "is under 15 nt", "q.fa", 3)])
    run = collect(search, msa, fasta=[fasta], skipped=[skipped])
    write_multiqc(run, tmp_path / "x_mqc.tsv", evalue=1e-3)
    lines = (tmp_path / "x_mqc.tsv").read_text().splitlines()
    head = yaml.safe_load("\n".join(line[2:] for line in lines if line.startswith("#")))
    columns, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert columns == ["Query", *head["headers"]]
    assert {len(row) for row in rows} == {len(columns)}
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [row["Query"] for row in table] == ["none", "zeta", html.escape(NASTY), "alpha", "%23broken", "short"]
    assert [row["Status"] for row in table] == [
        *("no homolog", "list full", "homologs", "homologs", "failed", "skipped"),
    ]
    assert list(table[1].values())[2:7] == ["8", "1", "1.00e-09", "tRNA (1 of 1)", "1"]
    assert table[1]["Warnings"].startswith("the shortlist ended full")
    assert [row["Warnings"] for row in table[4:]] == ["no &lt;memory&gt;&#44; none", "is under 15 nt"]
    assert head["plot_type"] == "table"
    assert head["description"].endswith(" 6 queries: 1 no homolog, 1 list full, 2 homologs, 1 failed, 1 skipped.")


@pytest.mark.tool("multiqc")
def test_multiqc_reads_its_table(batches, tmp_path) -> None:
    """Names and texts come out as they went in, and run no script."""
    search, msa, fasta = batches
    (tmp_path / "content").mkdir()
    run = collect(search, msa, fasta=[fasta])
    write_multiqc(run, tmp_path / "content" / "rhoma_queries_mqc.tsv", evalue=1e-3)
    done = subprocess.run(
        [*("multiqc", "--no-ansi", "--config", MULTIQC, "--filename", "page.html", "content")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert(" not in page
    assert re.findall(r'data-original-sn="([^"]*)"', page) == [html.escape(q.name) for q in run.queries]
    assert "1.00e-09" in page


def test_pages_are_written_whole(batches, tmp_path) -> None:
    search, msa, fasta = batches
    run = collect(search, msa, fasta=[fasta])
    write_page(run, tmp_path / "report.html", PageConfig())
    assert (tmp_path / "report.html").read_text() == render(run, PageConfig())


def test_records_of_the_database_that_were_left_out_are_told(batches, tmp_path) -> None:
    search, msa, fasta = batches
    table = tmp_path / "index.tsv"
    left_out = [Skipped(f"{NASTY}{n}", n, "is all N", "db.fa", 2 * n + 1) for n in range(60)]
    write_skipped(table, left_out)
    run = collect(search, msa, fasta=[fasta], left_out=table)
    text = render(run, PageConfig())
    parsed(text)
    assert "<b>60</b><span>database records left out" in text
    assert text.count("is all N") == 50
    assert "The first 50 of 60" in text
    out = tmp_path / "out"
    out.mkdir()
    merge_tables(search, run, out)
    assert read_skipped(out / "skipped_records.tsv") == left_out
    write_skipped(table, [])
    assert "left out" not in render(collect(search, msa, left_out=table), PageConfig())


def test_side_files(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text('{"b": true, "a": "x", "c": null, "d": [1, 2]}')
    assert read_parameters(path) == [("a", "x"), ("b", "true"), ("c", ""), ("d", "[1, 2]")]
    path.write_text("X:\n  b: 2\n  a: 1\nY:\n  a: 3\nz: 4\n")
    assert read_versions(path) == [("a", "1, 3"), ("b", "2"), ("z", "4")]
    path.write_text("")
    assert read_versions(path) == []


@pytest.mark.parametrize(
    ("reader", "content", "said"),
    [
        (read_parameters, "{", "is no JSON"),
        (read_parameters, "[]", "is no JSON object"),
        (read_versions, "- a\n", "is no YAML mapping"),
        (read_versions, "a: [", "is no YAML"),
    ],
)
def test_damaged_side_files_are_named(tmp_path, reader, content, said) -> None:
    path = tmp_path / "side.txt"
    with pytest.raises(InputError, match=r"side\.txt: no such file"):
        reader(path)
    path.write_text(content)
    with pytest.raises(InputError, match=rf"side\.txt: {said}"):
        reader(path)


def test_a_damaged_hits_table_is_named(tmp_path) -> None:
    (tmp_path / "hits.tsv").write_text("query\n")
    with pytest.raises(ArtefactError, match=r"hits\.tsv"):
        collect([tmp_path])


def test_warnings_come_first(batches, tmp_path: Path) -> None:
    search, msa, fasta = batches
    write_failed(search[0] / FAILED, [("lost", "why")])
    text = render(collect(search, msa, fasta=[fasta]), PageConfig())
    tags = parsed(text)
    head = text[text.index("<main") : text.index('id="overview"')]
    assert "1 query failed" in head
    assert "the shortlist ended full" in head
    assert head.index("failed") < head.index("the shortlist")
    assert 'class="alignment"' in text
    assert any(tag == "pre" and attributes.get("class") == "rows" for tag, attributes in tags.seen)
    # nothing to mind: no such card
    quiet = collect(search[1:], msa[1:])
    assert "Please mind" not in render(quiet, PageConfig())


def test_pages_do_not_grow_with_deep_alignments(batches, tmp_path: Path) -> None:
    search, msa, _ = batches
    rows = ("GGCAAGCC" * 50,) * 3000
    names = tuple(f"t{i}/1-400" for i in range(3000))
    deep = Alignment(names, rows, "(((..)))" * 50, "GGCAAGCC" * 50)
    (msa[0] / "zeta" / "msa.sto").write_text(format_stockholm(deep))
    text = render(collect(search, msa), PageConfig())
    assert len(text) < 1_000_000
    parsed(text)
