"""The steps of ``rhoma index`` that build an index in parallel tasks: split, codebook, segment, join."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rhoma.cli.common import Quiet, Strict, Threads, entries, set_up_logging, use_threads

if TYPE_CHECKING:
    from rhoma.manifest import IndexManifest

logger = logging.getLogger(__name__)

KindOption = Annotated[
    Literal["auto", "flat", "pq", "hnsw", "ivfpq"],
    typer.Option("--kind", help="The vector index; auto is flat (exact) below 8,192 windows and pq from there."),
]
NoMmseqs = Annotated[
    bool, typer.Option("--no-mmseqs", help="Do without MMseqs2: no database of it, no near copies looked for.")
]
NoRepresentatives = Annotated[
    bool, typer.Option("--no-representatives", help="Index near copies like any other sequence; not only one of them.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Directory to make; one like it is replaced.")]
Shards = Annotated[Path, typer.Option("--shards", help="The directory that split has made.")]
Stores = Annotated[list[Path], typer.Option("--store", "-s", help="Embedding store; give it again for more than one.")]
CodebookPath = Annotated[
    Path | None, typer.Option("--codebook", help="The directory that codebook has made; none for exact search.")
]


def split(
    fasta: Annotated[Path, typer.Option("--fasta", "-f", help="The sequences (FASTA; plain, gzip or bgzip).")],
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(help="Model that will embed them: bundle, or name of a public encoder; default: the shipped one."),
    ] = None,
    kind: KindOption = "auto",
    shard_windows: Annotated[int, typer.Option(min=1, help="Windows of a shard, about.")] = 500_000,
    no_mmseqs: NoMmseqs = False,
    no_representatives: NoRepresentatives = False,
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Split a database into shards, near copies behind their representatives.

    OUT holds segments/<shard>/representatives.fasta, to be embedded shard by shard, and sample.fasta, to be embedded
    for the codebook; where there is none, no codebook is needed.
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.records import load_database
    from rhoma.index.shards import split as split_database
    from rhoma.models.embedder import window_shape

    window, stride = window_shape(model)
    records, skipped = load_database(fasta, strict=strict)
    manifest = split_database(
        records,
        out,
        window=window,
        stride=stride,
        kind=kind,
        mmseqs=not no_mmseqs,
        representatives=not no_representatives,
        shard_windows=shard_windows,
        skipped=skipped,
        threads=threads,
    )
    logger.info(
        "%s: %d shards of %d windows in all; %d sequences stand for %d near copies",
        out,
        len(manifest.shards),
        manifest.n_windows,
        manifest.n_sequences - manifest.n_represented,
        manifest.n_represented,
    )


def codebook(shards: Shards, store: Stores, out: Out, *, threads: Threads, quiet: Quiet = False) -> None:
    """Train what the approximate indexes of all shards share, with the vectors of sample.fasta."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.shards import train_codebook
    from rhoma.store import open_store

    manifest = train_codebook(shards, [open_store(one) for one in store], out)
    logger.info("%s: codebook of an index of kind %s", out, manifest.for_kind)


def segment(
    shard: Annotated[Path, typer.Option("--shard", help="A directory of segments/ that split has made.")],
    store: Stores,
    out: Out,
    codebook: CodebookPath = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Make the segment of one shard of its vectors."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.shards import make_segment
    from rhoma.store import open_store

    manifest = make_segment(shard, [open_store(one) for one in store], out, codebook=codebook)
    logger.info("%s: segment %s of %d windows", out, manifest.info.id, manifest.info.n_windows)


def join(
    shards: Shards,
    out: Out,
    segment: Annotated[
        list[Path] | None, typer.Option("--segment", help="A finished segment; give all of them.")
    ] = None,
    segments: Annotated[
        Path | None, typer.Option("--segments", help="Directory with all of them, in place of --segment.")
    ] = None,
    codebook: CodebookPath = None,
    *,
    quiet: Quiet = False,
) -> None:
    """Join finished segments to an index; files are linked, not copied, where that is possible."""
    set_up_logging(quiet=quiet)
    if bool(segment) == (segments is not None):
        raise typer.BadParameter("give --segment for each, or --segments", param_hint="--segments")
    from rhoma.index.join import join as join_segments

    given = entries(segments) if segments is not None else segment or []
    tell(out, join_segments(shards, given, out, codebook=codebook).manifest)


def tell(path: Path, manifest: IndexManifest) -> None:
    """Logs what an index holds."""
    logger.info(
        "%s: %d names, %d distinct sequences, %d of them near copies, %d windows, %d segments",
        path,
        manifest.n_names,
        manifest.n_sequences,
        manifest.n_represented,
        manifest.n_windows,
        len(manifest.segments),
    )


def register(app: typer.Typer) -> None:
    """Adds these commands to an application."""
    for command in (split, codebook, segment, join):
        app.command()(command)
