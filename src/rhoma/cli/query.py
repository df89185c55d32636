"""``rhoma query``: check and batch queries, search an index, align what was found, report."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rhoma.cli.common import Device, ModelDir, Quiet, Threads, new_app, progress, set_up_logging, use_threads
from rhoma.cli.options import (
    EffortOption,
    EvalueOption,
    Iterations,
    Labels,
    LongestShortlist,
    QueryModel,
    ReportEvalue,
    SearchSeed,
    ShortlistOption,
    search_config,
)

logger = logging.getLogger(__name__)

# Commands with modules of their own, imported when they are used: name: (module, function, line of help).
ELSEWHERE = {
    "press": ("rhoma.cli.annotate", "press", "Prepare the models of known families (Rfam.cm)."),
    "annotate": ("rhoma.cli.annotate", "annotate", "Say which known family queries and hits belong to."),
    "align": ("rhoma.cli.align", "align", "Align the homologs of each query, with their structure."),
    "report": ("rhoma.cli.report", "report", "Merge the results of batches into tables and one report."),
}


class QueryGroup(TyperGroup):
    """The commands of this module and, imported when they are used, those of others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the commands in the order of the work."""
        return ["prepare", "anchors", "search", *ELSEWHERE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command, importing its module, or None where there is no such command."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, function, _ = ELSEWHERE[cmd_name]
        single = new_app()
        single.command(cmd_name)(getattr(importlib.import_module(module), function))
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands and their lines of help, without importing any of them."""
        rows = [
            (name, ELSEWHERE[name][2] if name in ELSEWHERE else self.commands[name].get_short_help_str(90))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = new_app(cls=QueryGroup, no_args_is_help=True, help="Search an index: hits, alignments, report.")


@app.command()
def prepare(
    source: Annotated[
        Path, typer.Option("--input", "-i", help="Queries: FASTA (plain, gzip, bgzip) or a CSV (id,fasta).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Queries a batch.")] = 100,
    quiet: Quiet = False,
) -> None:
    """Check the queries and write them in batches."""
    from rhoma.search.inputs import prepare as write_batches

    set_up_logging(quiet=quiet)
    queries, batches, skipped = write_batches(source, out, batch_size=batch_size)
    logger.info("%s: %d queries in %d batches", out, queries, batches)
    if skipped:
        logger.warning("%d queries are too short and skipped: %s", skipped, out / "skipped.tsv")


@app.command()
def anchors(
    batch: Annotated[Path, typer.Option("--batch", "-b", help="Queries (FASTA; plain, gzip or bgzip).")],
    index_path: Annotated[Path, typer.Option("--index", "-x", help="Directory of the index.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write (m8).")],
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Find places by MMseqs2, for 'search --mmseqs'.

    The table is empty where the index is without MMseqs2's database.
    """
    set_up_logging(quiet=quiet)
    from rhoma.index.bundle import Index
    from rhoma.search.anchors import write_anchors
    from rhoma.search.inputs import read_queries

    queries, _ = read_queries(batch)
    index = Index.open(index_path)
    write_anchors(out, queries, index.mmseqs, index.total_residues, threads=threads)
    logger.info("%s: places of %d queries", out, len(queries))


@app.command()
def search(
    batch: Annotated[Path, typer.Option("--batch", "-b", help="Queries (FASTA; plain, gzip or bgzip).")],
    index_path: Annotated[Path, typer.Option("--index", "-x", help="Directory of the index.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
    store_path: Annotated[
        Path | None,
        typer.Option("--store", "-s", help="Embedding store of the queries (both strands); else they are embedded."),
    ] = None,
    mmseqs: Annotated[
        Path | None, typer.Option(help="Table of MMseqs2 hits of these queries (m8); they are scored too.")
    ] = None,
    model: QueryModel = None,
    model_dir: ModelDir = None,
    labels: Labels = None,
    effort: EffortOption = "auto",
    shortlist: ShortlistOption = 1000,
    longest_shortlist: LongestShortlist = 32_000,
    iterations: Iterations = 5,
    evalue: EvalueOption = 1e-3,
    report_evalue: ReportEvalue = 10.0,
    inclusion_evalue: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Hits up to this E-value build the next round's model; by default ten times --evalue, at most 0.01.",
        ),
    ] = None,
    database_size: Annotated[
        float | None,
        typer.Option(help="Comparisons that the whole database stands for (Z), where this index is a part."),
    ] = None,
    device: Device = "cpu",
    seed: SearchSeed = 42,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Search queries in an index: tables of hits, and an alignment for each query."""
    use_threads(threads)
    set_up_logging(quiet=quiet)
    from rhoma.io.hits import read_labels
    from rhoma.io.m8 import read_anchors
    from rhoma.search.inputs import read_queries
    from rhoma.search.outputs import log_troubles, write_results
    from rhoma.search.searcher import Searcher
    from rhoma.store import open_store

    config = search_config(
        effort=effort,
        shortlist=shortlist,
        longest_shortlist=longest_shortlist,
        iterations=iterations,
        evalue=evalue,
        report_evalue=report_evalue,
        inclusion_evalue=inclusion_evalue,
        database_size=database_size,
        threads=threads,
        seed=seed,
    )
    queries, skipped = read_queries(batch)
    for one in skipped:
        logger.warning("skipped %s: %s", one.id, one.reason)
    families = read_labels(labels) if labels is not None else None
    anchors = read_anchors(mmseqs) if mmseqs is not None else None
    store = open_store(store_path) if store_path is not None else None
    with (
        Searcher.open(
            index_path, model=model, model_dir=model_dir, device=device, threads=threads, embed=store is None
        ) as searcher,
        progress("searched", quiet=quiet) as tell,
    ):
        results = searcher.search(queries, config, store=store, anchors=anchors, progress=tell)
    write_results(out, results, labels=families, evalue=evalue)
    log_troubles(results)
    found = sum(any(hit.evalue <= evalue for hit in result.hits) for result in results)
    logger.info("%s: %d queries, %d with homologs (E-value up to %g)", out, len(results), found, evalue)
