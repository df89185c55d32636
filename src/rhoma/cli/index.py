"""``rhoma index``: build an index of a database, add, delete, compact, verify, describe."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from rhoma.cli import shards
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

app = new_app(no_args_is_help=True, help="Build an index of a database, change it, check it.")
logger = logging.getLogger(__name__)

IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="Directory of the index.")]
Fasta = Annotated[Path, typer.Option("--fasta", "-f", help="The sequences (FASTA; plain, gzip or bgzip).")]
Stores = Annotated[
    list[Path],
    typer.Option("--store", "-s", help="Their embedding store; give it again for more than one."),
]


@app.command()
def build(
    fasta: Fasta,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make; an index there is replaced.")],
    store: Annotated[
        list[Path] | None,
        typer.Option(
            "--store", "-s", help="Embedding store of the sequences, or several; they are embedded here where none is."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Without --store: model bundle or name of a public encoder; by default the shipped encoder."),
    ] = None,
    model_dir: ModelDir = None,
    device: Device = "cpu",
    mmseqs: Annotated[
        Path | None,
        typer.Option(help="Directory of an MMseqs2 database of the sequences; made here where it is not given."),
    ] = None,
    no_mmseqs: shards.NoMmseqs = False,
    no_representatives: shards.NoRepresentatives = False,
    kind: shards.KindOption = "auto",
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Build an index of a database.

    A database of millions of windows is faster built in parallel: see split, codebook, segment and join, or the
    pipeline's --workflow index, which calls them.

    Examples:
        rhoma index build --fasta database.fasta --out index

        rhoma index build --fasta database.fasta --store database.store --out index
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.build import build_index, index_database
    from rhoma.index.records import load_database
    from rhoma.models.embedder import load_embedder
    from rhoma.store import open_store

    records, skipped = load_database(fasta, strict=strict)
    chosen: Path | Literal[False] | None = False if no_mmseqs else mmseqs
    if store:
        stores = [open_store(one) for one in store]
        index = build_index(
            records,
            stores,
            out,
            mmseqs=chosen,
            kind=kind,
            representatives=not no_representatives,
            skipped=skipped,
            threads=threads,
        )
    else:
        embedder = load_embedder(model, device=device, threads=threads, model_dir=model_dir)
        with progress("windows embedded", quiet=quiet) as tell:
            index = index_database(
                records,
                embedder,
                out,
                mmseqs=chosen,
                kind=kind,
                representatives=not no_representatives,
                skipped=skipped,
                threads=threads,
                progress=tell,
            )
    if index.mmseqs is None and not no_mmseqs:
        logger.warning("mmseqs is not on PATH: the index has no MMseqs2 database")
    shards.tell(out, index.manifest)


shards.register(app)


@app.command()
def add(
    index: IndexPath,
    fasta: Fasta,
    store: Stores,
    no_mmseqs: shards.NoMmseqs = False,
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Add sequences to an index, as a new segment."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.add import add_segment
    from rhoma.index.records import load_database
    from rhoma.io.skipped import SKIPPED_RECORDS, read_skipped, write_skipped
    from rhoma.store import open_store

    records, skipped = load_database(fasta, strict=strict)
    changed = add_segment(index, records, [open_store(one) for one in store], mmseqs=not no_mmseqs, threads=threads)
    table = index / SKIPPED_RECORDS
    write_skipped(table, [*(read_skipped(table) if table.exists() else []), *skipped])
    shards.tell(index, changed.manifest)


@app.command()
def delete(
    index: IndexPath,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names to delete.")] = None,
    from_file: Annotated[Path | None, typer.Option(help="A file with one name a line.")] = None,
    no_mmseqs: shards.NoMmseqs = False,
    quiet: Quiet = False,
) -> None:
    """Delete sequences from an index by name; the space is given back by compact."""
    set_up_logging(quiet=quiet)
    from rhoma.errors import InputError
    from rhoma.index.change import delete as delete_names

    wanted = list(names or [])
    if from_file is not None:
        try:
            wanted += from_file.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read ({error})", path=from_file, remedy="give a text file") from None
    if not wanted:
        raise InputError("there is no name to delete", remedy="give names, or --from-file")
    shards.tell(index, delete_names(index, wanted, mmseqs=not no_mmseqs).manifest)


@app.command()
def compact(index: IndexPath, no_mmseqs: shards.NoMmseqs = False, *, threads: Threads, quiet: Quiet = False) -> None:
    """Rewrite an index as one segment, without what was deleted."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.compact import compact as compact_index

    shards.tell(index, compact_index(index, mmseqs=not no_mmseqs).manifest)


@app.command()
def verify(
    index: IndexPath,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Compare the sizes of files only, which takes a moment.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Check every file of an index against its manifest."""
    set_up_logging(quiet=quiet)
    from rhoma.index.change import verify as verify_index

    shards.tell(index, verify_index(index, sizes_only=sizes))


@app.command()
def info(index: IndexPath) -> None:
    """Print what an index holds, as JSON."""
    from rhoma.index.describe import describe_index

    print(json.dumps(describe_index(index), indent=2))
