"""``rhoma download``: a public database from its server, ready for an index or a search."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import Quiet, new_app, progress, set_up_logging

app = new_app(no_args_is_help=True, help="Download a public database to search: Rfam or RNAcentral.")
logger = logging.getLogger(__name__)

Out = Annotated[Path, typer.Option("--out", "-o", help="Directory to make, or to complete.")]
Release = Annotated[str | None, typer.Option("--release", help="Version of the database; needed without --check.")]
Mirror = Annotated[str | None, typer.Option("--mirror", metavar="URL", help="Another server, with the same layout.")]
Retries = Annotated[int, typer.Option(min=1, help="Attempts a file.")]
Check = Annotated[
    bool, typer.Option("--check", help="Compare the files that are there with their recorded checksums; no network.")
]

_RFAM_EXAMPLES = """\b
Examples:
  rhoma download rfam --release 15.1 --out rfam
  rhoma download rfam --release 15.1 --out rfam --mirror https://mirror.example.org/Rfam
  rhoma download rfam --out rfam --check
"""
_RNACENTRAL_EXAMPLES = """\b
Examples:
  rhoma download rnacentral --release 26 --out rnacentral
  rhoma download rnacentral --out rnacentral --check
"""
_MIB = 1 << 20


@app.command(epilog=_RFAM_EXAMPLES)
def rfam(
    out: Out,
    release: Release = None,
    families: Annotated[int | None, typer.Option(min=1, help="Only so many families, the first.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files at a time.")] = 4,
    mirror: Mirror = None,
    retries: Retries = 5,
    check: Check = False,
    quiet: Quiet = False,
) -> None:
    """Download the sequences, families and covariance models of an Rfam release.

    What can be searched is OUT/members.fa.gz, with OUT/labels.tsv as --labels; OUT/Rfam.cm.gz and OUT/Rfam.clanin are
    for --rfam_cm and --rfam_clanin. A command that was stopped goes on where it was when it is started again.
    """
    set_up_logging(quiet=quiet)
    if check:
        _check(out, quiet=quiet)
        return
    from rhoma.databases.rfam import BASE_URL, CLANS, LABELS, MODELS, download_rfam
    from rhoma.rfam import MEMBERS

    version = _needed(release)
    with progress("families fetched", quiet=quiet) as tell:
        count = download_rfam(
            version,
            out,
            base_url=mirror or BASE_URL,
            families=families,
            workers=workers,
            retries=retries,
            progress=tell,
        )
    logger.info("%s: Rfam %s, %d families", out, version, count)
    _next(out / MEMBERS)
    known = f"--labels {out / LABELS} --rfam_cm {out / MODELS} --rfam_clanin {out / CLANS}"
    typer.echo(f"nextflow run main.nf --input queries.fasta --index db/index {known} --outdir results")


@app.command(epilog=_RNACENTRAL_EXAMPLES)
def rnacentral(
    out: Out,
    release: Release = None,
    mirror: Mirror = None,
    retries: Retries = 5,
    check: Check = False,
    quiet: Quiet = False,
) -> None:
    """Download the sequences of an RNAcentral release, each once: OUT/rnacentral_active.fasta.gz.

    A command that was stopped goes on where it was when it is started again.
    """
    set_up_logging(quiet=quiet)
    if check:
        _check(out, quiet=quiet)
        return
    from rhoma.databases.rnacentral import BASE_URL, download_rnacentral

    version = _needed(release)
    with progress("MiB fetched", quiet=quiet) as tell:
        fasta = download_rnacentral(
            version,
            out,
            base_url=mirror or BASE_URL,
            retries=retries,
            progress=lambda done, total: tell(done // _MIB, total // _MIB),
        )
    logger.info("%s: RNAcentral %s", fasta, version)
    _next(fasta)


def _needed(release: str | None) -> str:
    if release is None:
        raise typer.BadParameter("is needed", param_hint="--release")
    return release


def _check(out: Path, *, quiet: bool) -> None:
    from rhoma.download import verify

    with progress("files checked", quiet=quiet) as tell:
        count = verify(out, tell)
    logger.info("%s: %d files are as they were recorded", out, count)


def _next(fasta: Path) -> None:
    """Prints the commands that make an index of a database: on one machine, and in parallel tasks."""
    typer.echo(f"rhoma index build --fasta {fasta} --out index")
    typer.echo(f"nextflow run main.nf --workflow index --database {fasta} --outdir db")
