"""The alignments under test: Rhoma's, that of BLASTn's hits in the same workflow, and MAFFT alone."""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment, parse_region
from rhoma.errors import RhomaError
from rhoma.evaluate.alignments import AlignmentFigures, columns_of, compare, merge_pairwise, rows_of_seed
from rhoma.evaluate.benchmark import PLAIN
from rhoma.evaluate.metrics import interval, mean
from rhoma.evaluate.model import SHIPPED
from rhoma.evaluate.run import spread
from rhoma.io.stockholm import format_stockholm, read_stockholm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.tables import Row
    from rhoma.hits import Hit
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)

MSA = (
    *("method", "queries", "shared", "rows", "sps", "sps_low", "sps_high", "column", "pair_precision"),
    *("pair_recall", "pair_f1", "pair_f1_low", "pair_f1_high", "pairs", "covarying", "status"),
)
MSA_QUERIES = (
    *("method", "query", "family", "shared", "rows", "sps", "column", "pair_precision", "pair_recall"),
    *("pair_f1", "pairs", "covarying"),
)
_EVALUE = 1e-3
_METHODS = ("rhoma", "blastn", "mafft")


def measure_alignments(
    benchmark: Benchmark, index: Path, *, most_queries: int, model: Model = SHIPPED, threads: int = 1
) -> tuple[list[Row], list[Row]]:
    """Returns the rows of msa.tsv and those of single queries, on the database without flanks.

    ``rhoma``: search in rounds with MMseqs2's places, then the alignment workflow, ends taken from the index, as the
    pipeline runs them. ``blastn``: BLASTn's hits with E <= 1e-3, each aligned to the query, in the same workflow.
    ``mafft``: L-INS-i on the sequences of ``rhoma``, structure by RNAalifold.

    Args:
        benchmark: with reference alignments.
        index: directory of ``evaluate index`` for the database without flanks.
        most_queries: as many, evenly spread.
        model: of the index.
        threads: for searches and programs.
    """
    queries = spread(benchmark.queries(), most_queries)
    single: list[Row] = []
    status = dict.fromkeys(_METHODS, "ok")
    with tempfile.TemporaryDirectory(prefix="rhoma_") as directory:
        work = Path(directory)
        for method, make in (("rhoma", _rhoma), ("blastn", _blastn), ("mafft", _mafft)):
            try:
                made = make(benchmark, queries, index, work, model, threads)
                single += [_row(benchmark, method, query, made[query.id]) for query in queries if query.id in made]
            except RhomaError as error:
                status[method] = f"failed: {' '.join(str(error).split())}"[:300]
                logger.warning("alignments of %s: %s", method, error)
    return [_summary(method, status[method], single) for method in _METHODS], single


def _summary(method: str, status: str, single: Sequence[Row]) -> Row:
    rows = [row for row in single if row["method"] == method]
    families = [str(row["family"]) for row in rows]
    found: Row = {"method": method, "queries": len(rows), "status": status}
    for name in ("shared", "rows", "sps", "column", "pair_precision", "pair_recall", "pair_f1", "pairs", "covarying"):
        values = np.array([row[name] for row in rows], dtype=np.float64)
        found[name] = mean(values) if len(rows) else float("nan")
        if name in ("sps", "pair_f1") and len(rows):
            found[f"{name}_low"], found[f"{name}_high"] = interval(values, families)
    return found


def _row(benchmark: Benchmark, method: str, query: Record, alignment: Alignment) -> Row:
    from rhoma.structure import pair_evidence, pair_table

    family = next(info.family for info in benchmark.infos if info.query == query.id)
    figures = against_seed(benchmark, query, family, alignment)
    pairs = pair_table(alignment.ss_cons)
    return {
        "method": method,
        "query": query.id,
        "family": family,
        "rows": len(alignment.rows),
        **{name: getattr(figures, name) for name in AlignmentFigures.__slots__},
        "pairs": len(pairs),
        "covarying": sum(pair_evidence(alignment.rows, i, j) == "covarying" for i, j in pairs),
    }


def against_seed(benchmark: Benchmark, query: Record, family: str, alignment: Alignment) -> AlignmentFigures:
    """Returns the figures of an alignment of targets without flanks against the family's reference alignment."""
    seed = read_stockholm(benchmark.path / "seeds" / f"{family}.sto")
    reference = rows_of_seed(dict(zip(seed.names, seed.rows, strict=True)))
    original = dict(
        line.split("\t") for line in (benchmark.path / "original_ids.tsv").read_text(encoding="utf-8").splitlines()[1:]
    )
    test = {}
    for name, row in zip(alignment.names, alignment.rows, strict=True):
        target, start, end = (query.id, 1, len(query.sequence)) if name == query.id else _region(name)
        rfam_id = original.get(target, "")
        # The first row of a sequence counts: the query's own, else the best hit's.
        if rfam_id in reference and rfam_id not in test and start <= end:
            length = len(reference[rfam_id])
            if length >= end:
                test[rfam_id] = columns_of(row, start=start - 1, length=length)
    return compare(test, reference, alignment.ss_cons, seed.ss_cons)


def _region(name: str) -> tuple[str, int, int]:
    return parse_region(name) or (name, 1, 0)


def _rhoma(
    benchmark: Benchmark, queries: Sequence[Record], index: Path, work: Path, model: Model, threads: int
) -> dict[str, Alignment]:
    from rhoma.search.config import SearchConfig
    from rhoma.search.outputs import write_results
    from rhoma.search.searcher import Searcher

    del benchmark
    searcher = Searcher.open(index / "index", embedder=model.load(threads=threads))
    anchors = searcher.anchors(queries, threads=threads)
    write_results(work / "rhoma.search", searcher.search(queries, SearchConfig(threads=threads), anchors=anchors))
    return _aligned(work / "rhoma.search", queries, work / "rhoma", index / "index", threads)


def _aligned(search: Path, queries: Sequence[Record], out: Path, index: Path, threads: int) -> dict[str, Alignment]:
    from rhoma.io.fasta import write_fasta
    from rhoma.msa.align import AlignConfig, align_batch
    from rhoma.sequences import safe_name

    fasta = out.with_suffix(".fasta")
    write_fasta(fasta, queries)
    align_batch(search, fasta, out, AlignConfig(evalue=_EVALUE, threads=threads), index=index)
    return {query.id: read_stockholm(out / safe_name(query.id) / "msa.sto") for query in queries}


def _mafft(
    benchmark: Benchmark, queries: Sequence[Record], index: Path, work: Path, model: Model, threads: int
) -> dict[str, Alignment]:
    from rhoma.msa.mafft import mafft_alignment
    from rhoma.sequences import safe_name
    from rhoma.structure import annotate

    del benchmark, index, model
    found = {}
    for query in queries:
        start = read_stockholm(work / "rhoma" / safe_name(query.id) / "msa.sto")
        plain = Alignment(start.names, start.rows)
        if len(plain.rows) > 1:
            plain = mafft_alignment(plain, "linsi", threads=threads)
        found[query.id] = annotate(plain)
    return found


def _blastn(
    benchmark: Benchmark, queries: Sequence[Record], index: Path, work: Path, model: Model, threads: int
) -> dict[str, Alignment]:
    from rhoma.evaluate.methods.base import Task
    from rhoma.evaluate.methods.blastn import Blastn, blast_table
    from rhoma.hits import sort_hits
    from rhoma.io.hits import write_hits_tsv
    from rhoma.sequences import safe_name

    del model
    scratch = work / "blast"
    scratch.mkdir()
    task = Task(targets=benchmark.targets(PLAIN).absolute(), work=scratch, threads=threads)
    Blastn(task).build()
    search = work / "blast.search"
    (search / "alignments").mkdir(parents=True)
    every: list[Hit] = []
    for query in queries:
        table = blast_table(task, scratch / "db" / "db", query, _BLAST_COLUMNS)
        hits, merged = _blast_alignment(query, table)
        every += hits
        text = format_stockholm(Alignment(tuple(merged), tuple(merged.values())))
        (search / "alignments" / f"{safe_name(query.id)}.sto").write_text(text, encoding="utf-8")
    write_hits_tsv(search / "hits.tsv", sort_hits(every))
    return _aligned(search, queries, work / "blast.msa", index / "index", threads)


_BLAST_COLUMNS = "sseqid sstrand qstart qend sstart send bitscore evalue qseq sseq"


def _blast_alignment(query: Record, table: Sequence[Sequence[str]]) -> tuple[list[Hit], dict[str, str]]:
    """Returns the best alignment to each target as hits, and their rows below the query's."""
    from rhoma.hits import Hit

    best: dict[str, Sequence[str]] = {}
    for cells in table:
        if float(cells[7]) <= _EVALUE and (cells[0] not in best or float(cells[6]) > float(best[cells[0]][6])):
            best[cells[0]] = cells
    hits = []
    pieces: dict[str, tuple[int, str, str]] = {}
    for target, cells in best.items():
        own, other = (letters.upper().replace("T", "U") for letters in cells[8:10])
        start, end = int(cells[4]), int(cells[5])
        evalue = float(cells[7])
        counts: dict[bool, int] = defaultdict(int)
        for a, b in zip(own, other, strict=True):
            counts[a == b] += 1
        hits.append(
            Hit(
                query=query.id,
                target=target,
                strand="+" if cells[1] == "plus" else "-",
                qstart=int(cells[2]),
                qend=int(cells[3]),
                tstart=min(start, end),
                tend=max(start, end),
                length=len(own),
                identity=counts[True] / len(own),
                cosine=float("nan"),
                score=-float(np.log10(max(evalue, 1e-300))),
                bits=float(cells[6]),
                evalue=evalue,
                source="profile",
            )
        )
        pieces[f"{target}/{start}-{end}"] = (int(cells[2]) - 1, own, other)
    merged = merge_pairwise(query.sequence, pieces)
    return hits, {name or query.id: row for name, row in merged.items()}
