"""``rhoma index``: build an index of a database, add, delete, compact, verify, describe."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rhoma.cli.common import Quiet, Strict, Threads, load_database, new_app, set_up_logging, use_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.io.fasta import Skipped
    from rhoma.manifest import IndexManifest

app = new_app(no_args_is_help=True, help="Build an index of a database, change it, check it.")
logger = logging.getLogger(__name__)

IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="Directory of the index.")]
Fasta = Annotated[Path, typer.Option("--fasta", "-f", help="The sequences (FASTA; plain, gzip or bgzip).")]
Stores = Annotated[
    list[Path],
    typer.Option("--store", "-s", help="Their embedding store; give it again for more than one."),
]


def _read_table(index: Path) -> list[Skipped]:
    """Returns what was left out of an index so far."""
    from rhoma.io.skipped import SKIPPED_RECORDS, read_skipped

    table = index / SKIPPED_RECORDS
    return read_skipped(table) if table.exists() else []


def _write_table(index: Path, skipped: Sequence[Skipped]) -> None:
    """Writes what was left out of an index into its directory."""
    from rhoma.io.skipped import SKIPPED_RECORDS, write_skipped

    write_skipped(index / SKIPPED_RECORDS, skipped)
    if skipped:
        logger.info("%d records of the database were left out: %s", len(skipped), index / SKIPPED_RECORDS)


def _tell(path: Path, manifest: IndexManifest) -> None:
    logger.info(
        "%s: %d names, %d unique sequences, %d windows, %d segments",
        path,
        manifest.n_names,
        manifest.n_sequences,
        manifest.n_windows,
        len(manifest.segments),
    )


@app.command()
def build(
    fasta: Fasta,
    store: Stores,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make; an index there is replaced.")],
    mmseqs: Annotated[
        Path | None,
        typer.Option(help="Directory of an MMseqs2 database of the sequences; made here where it is not given."),
    ] = None,
    no_mmseqs: Annotated[bool, typer.Option("--no-mmseqs", help="Leave the MMseqs2 database out.")] = False,
    kind: Annotated[
        Literal["auto", "flat", "pq", "hnsw", "ivfpq"],
        typer.Option(help="The vector index; auto is flat (exact) below 8,192 windows and pq from there."),
    ] = "auto",
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Build an index of a database from its sequences and their vectors."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.build import build_index
    from rhoma.store import open_store

    records, skipped = load_database(fasta, strict=strict)
    index = build_index(
        records,
        [open_store(one) for one in store],
        out,
        mmseqs=False if no_mmseqs else mmseqs,
        kind=kind,
        threads=threads,
    )
    if index.mmseqs is None and not no_mmseqs:
        logger.warning("mmseqs is not on PATH: the index has no MMseqs2 database")
    _write_table(out, skipped)
    _tell(out, index.manifest)


@app.command()
def add(
    index: IndexPath,
    fasta: Fasta,
    store: Stores,
    strict: Strict = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Add sequences to an index, as a new segment."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.change import add_segment
    from rhoma.store import open_store

    records, skipped = load_database(fasta, strict=strict)
    changed = add_segment(index, records, [open_store(one) for one in store])
    _write_table(index, [*_read_table(index), *skipped])
    _tell(index, changed.manifest)


@app.command()
def delete(
    index: IndexPath,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names to delete.")] = None,
    from_file: Annotated[Path | None, typer.Option(help="A file with one name a line.")] = None,
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
    _tell(index, delete_names(index, wanted).manifest)


@app.command()
def compact(index: IndexPath, *, threads: Threads, quiet: Quiet = False) -> None:
    """Rewrite an index as one segment, without what was deleted."""
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.index.change import compact as compact_index

    skipped = _read_table(index)
    changed = compact_index(index)
    # its directory is a new one
    _write_table(index, skipped)
    _tell(index, changed.manifest)


@app.command()
def verify(index: IndexPath, quiet: Quiet = False) -> None:
    """Check every file of an index against its manifest."""
    set_up_logging(quiet=quiet)
    from rhoma.index.change import verify as verify_index

    _tell(index, verify_index(index))


@app.command()
def info(index: IndexPath) -> None:
    """Print what an index holds, as JSON."""
    from rhoma.manifest import IndexManifest, read_manifest

    print(read_manifest(index, IndexManifest).model_dump_json(indent=2, exclude={"files"}))
