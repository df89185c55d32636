"""``rhoma query``: check and batch queries, search an index, align what was found, report."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from rhoma.cli.common import Quiet, Threads, new_app, progress, set_up_logging, use_threads
from rhoma.errors import ArtefactError

if TYPE_CHECKING:
    from rhoma.index.bundle import Index
    from rhoma.models.embedder import Embedder
    from rhoma.search import SearchConfig
    from rhoma.store import EmbeddingStore

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
    shortlist: Annotated[int, typer.Option(min=1, help="Windows that vectors bring on each strand.")] = 1000,
    iterations: Annotated[int, typer.Option(min=1, help="Rounds at most; 1 is a single pass.")] = 5,
    evalue: Annotated[float, typer.Option(min=0, help="Hits up to this E-value are aligned.")] = 1e-3,
    report_evalue: Annotated[float, typer.Option(min=0, help="Hits up to this E-value are reported.")] = 10.0,
    inclusion_evalue: Annotated[
        float, typer.Option(min=0, help="Hits up to this E-value build the next round's model.")
    ] = 0.01,
    sensitive: Annotated[
        bool, typer.Option("--sensitive", help="Let a covariance model pick and rank (slower).")
    ] = False,
    mode: Annotated[
        Literal["rounds", "profile", "list"],
        typer.Option(help="Rounds; a single pass of the profile; or the list alone."),
    ] = "rounds",
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
    from rhoma.index.bundle import Index
    from rhoma.io.hits import read_labels
    from rhoma.io.m8 import read_anchors
    from rhoma.models.embedder import load_embedder, shipped_sha256
    from rhoma.search import Database
    from rhoma.search.batch import search_all, write_results
    from rhoma.search.inputs import read_queries
    from rhoma.store import open_store

    config = _config(
        shortlist=shortlist,
        iterations=iterations,
        evalue=evalue,
        report_evalue=report_evalue,
        inclusion_evalue=inclusion_evalue,
        sensitive=sensitive,
        mode=mode,
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
    embedder = None
    # the null of cosines needs the model of the queries' vectors; the shipped one is always at hand
    if store is None or model is not None or store.manifest.model.sha256 == shipped_sha256():
        embedder = load_embedder(model, device=device, threads=threads, model_dir=model_dir)
    index = Index.open(index_path, model_sha256=_model_of(embedder, store))
    database = Database(index, window=index.manifest.window, stride=index.manifest.stride)
    _check_windows(index, embedder)
    with progress("search", quiet=quiet) as tell:
        results = search_all(
            queries,
            database,
            config,
            embed=None if embedder is None else embedder.embed,
            store=store,
            anchors=anchors,
            progress=tell,
        )
    write_results(out, results, labels=families, covariance=sensitive and mode != "list")
    found = sum(any(hit.evalue <= evalue for hit in result.hits) for result in results)
    logger.info("%s: %d queries, %d with homologs (E-value up to %g)", out, len(results), found, evalue)


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


def _model_of(embedder: Embedder | None, store: EmbeddingStore | None) -> str | None:
    """Returns the sha256 of the model that the queries' vectors come from, None where there are none."""
    if embedder is not None and store is not None and embedder.sha256 != store.manifest.model.sha256:
        raise ArtefactError(
            f"was made with model {store.manifest.model.name}, not with {embedder.name}",
            path=store.path,
            remedy="embed the queries again with this model",
        )
    if embedder is not None:
        return embedder.sha256
    return None if store is None else store.manifest.model.sha256


def _check_windows(index: Index, embedder: Embedder | None) -> None:
    """Raises ArtefactError where the model's windows are not the index's."""
    manifest = index.manifest
    if embedder is not None and (embedder.window, embedder.stride) != (manifest.window, manifest.stride):
        raise ArtefactError(
            f"has windows of {manifest.window} every {manifest.stride} nucleotides, the model of"
            f" {embedder.window} every {embedder.stride}",
            path=index.path,
            remedy="use the model it was made with",
        )
