"""``rhoma query``: check and batch queries, search an index, align what was found, report."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from rhoma.cli.common import Quiet, Threads, new_app, progress, set_up_logging, use_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.search import SearchConfig, SearchResult

logger = logging.getLogger(__name__)

# Commands with modules of their own, imported when they are used: name: (module, function, line of help).
ELSEWHERE = {
    "align": ("rhoma.cli.align", "align", "Align the homologs of each query, with their structure."),
    "report": ("rhoma.cli.report", "report", "Merge the results of batches into tables and one report."),
}


class QueryGroup(TyperGroup):
    """The commands of this module and, imported when they are used, those of others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the commands in the order of the work."""
        return ["prepare", "search", *ELSEWHERE]

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
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Model bundle; default, the one that is shipped.")
    ] = None,
    model_dir: Annotated[Path | None, typer.Option(help="Directory of public models' weights.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="TSV (id, family, clan) that names the families of targets.")
    ] = None,
    effort: Annotated[
        Literal["fast", "auto", "sensitive"],
        typer.Option(
            help="When a covariance model of the query looks for homologs: never; where its profile finds few; always."
        ),
    ] = "auto",
    shortlist: Annotated[
        int, typer.Option(min=1, help="Windows of the first list; it grows while its tail scores.")
    ] = 1000,
    longest_shortlist: Annotated[int, typer.Option(min=1, help="Windows that the list may grow to.")] = 32_000,
    iterations: Annotated[int, typer.Option(min=1, help="Rounds at most; 1 is a single pass.")] = 5,
    evalue: Annotated[float, typer.Option(min=0, help="Hits up to this E-value are aligned.")] = 1e-3,
    report_evalue: Annotated[float, typer.Option(min=0, help="Hits up to this E-value are reported.")] = 10.0,
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
    device: Annotated[Literal["cpu", "cuda", "auto"], typer.Option(help="Where queries are embedded.")] = "cpu",
    seed: Annotated[int, typer.Option(min=1, help="Seed of shuffles and calibration.")] = 42,
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
    from rhoma.search.outputs import write_results
    from rhoma.search.searcher import Searcher
    from rhoma.store import open_store

    config = _config(
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
    searcher = Searcher.open(
        index_path, model=model, model_dir=model_dir, device=device, threads=threads, embed=store is None
    )
    with progress("search", quiet=quiet) as tell:
        results = searcher.search(queries, config, store=store, anchors=anchors, progress=tell)
    write_results(out, results, labels=families)
    tell_results(out, results, evalue)


def tell_results(out: Path, results: Sequence[SearchResult], evalue: float) -> None:
    """Logs what a search has found, where its list was too short, and what failed."""
    found = sum(any(hit.evalue <= evalue for hit in result.hits) for result in results)
    logger.info("%s: %d queries, %d with homologs (E-value up to %g)", out, len(results), found, evalue)
    for result in results:
        if result.full:
            logger.warning(
                "%s: the shortlist ended full, there may be more homologs; give a larger --longest-shortlist",
                result.query,
            )
        if result.failure:
            logger.warning("%s failed: %s", result.query, result.failure)


def _config(**values: Any) -> SearchConfig:
    """Returns the settings; a value that is out of range is a usage error."""
    from pydantic import ValidationError

    from rhoma.search import SearchConfig

    try:
        return SearchConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{name}: {first['msg']}") from error
