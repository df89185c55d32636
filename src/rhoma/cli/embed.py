"""``rhoma embed``: sequences to an embedding store of window vectors."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from rhoma.cli.common import (
    Device,
    ModelDir,
    Quiet,
    Strict,
    Threads,
    new_app,
    progress,
    set_up_logging,
    use_threads,
)

app = new_app()
logger = logging.getLogger(__name__)


@app.command()
def embed(
    fasta: Annotated[Path, typer.Option("--fasta", "-f", help="The sequences (FASTA; plain, gzip or bgzip).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory of the store to make.")],
    model: Annotated[
        str | None,
        typer.Option(help="Model bundle, or the name of a public encoder; by default the shipped encoder."),
    ] = None,
    model_dir: ModelDir = None,
    strands: Annotated[
        Literal["+", "both"], typer.Option(help="Strands to embed: + for a database, both for queries.")
    ] = "+",
    device: Device = "cpu",
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Turn sequences into window vectors: an embedding store.

    A run that was killed goes on where it stopped when it is started again.

    Examples:
        rhoma embed --fasta database.fasta --out database.store

        rhoma embed --fasta queries.fasta --out queries.store --strands both

        rhoma embed --fasta database.fasta --out s --model rinalmo-giga --model-dir DIR --device cuda
    """
    use_threads(threads)
    set_up_logging(quiet=quiet)
    from rhoma.index.records import load_database
    from rhoma.models.embedder import load_embedder
    from rhoma.store import write_store

    records, _ = load_database(fasta, strict=strict)
    embedder = load_embedder(model, device=device, threads=threads, model_dir=model_dir)
    with progress("windows embedded", quiet=quiet) as tell:
        store = write_store(out, records, embedder, strands=strands, progress=tell)
    logger.info(
        "%s: %d sequences, %d windows of %d nt, %d dimensions, model %s",
        out,
        store.manifest.n_sequences,
        store.manifest.n_windows,
        store.manifest.window,
        store.manifest.dimension,
        store.manifest.model.name,
    )
