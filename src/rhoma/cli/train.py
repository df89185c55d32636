"""``rhoma train``: fetch Rfam, prepare it, train an encoder and its head, make a bundle of a checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rhoma.cli.common import Device, ModelDir, Quiet, Threads, new_app, progress, set_up_logging, use_threads
from rhoma.errors import InputError, ToolError

if TYPE_CHECKING:
    from rhoma.train.data import Data
    from rhoma.train.settings import RunConfig

app = new_app(no_args_is_help=True, help="Train an encoder and its homology head: a model bundle.")
logger = logging.getLogger(__name__)

Rfam = Annotated[Path, typer.Option(help="Directory with families.tsv, seed.sto.gz and members.fa.gz.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="What to make.")]
Settings = Annotated[Path | None, typer.Option("--config", help="YAML file of settings.")]
Preset = Annotated[Literal["jiang2025"] | None, typer.Option(help="Settings of the founding paper.")]
Assigned = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as train.steps=200; may be repeated.")
]
EncoderName = Annotated[
    str | None, typer.Option("--encoder", help="words, compact, or a public encoder: rinalmo-micro ...")
]


@app.command()
def run(
    rfam: Rfam,
    out: Out,
    split: Annotated[
        Path | None,
        typer.Option(help="Split file ('rhoma evaluate split'); made where it is not given (needs MMseqs2)."),
    ] = None,
    config: Settings = None,
    preset: Preset = None,
    assigned: Assigned = [],  # noqa: B006 (typer copies it)
    encoder: EncoderName = None,
    model_dir: ModelDir = None,
    start: Annotated[Path | None, typer.Option(help="Bundle whose weights the training begins with.")] = None,
    workdir: Annotated[
        Path | None, typer.Option(help="Checkpoints; a stopped training goes on there. Default: OUT.work.")
    ] = None,
    device: Device = "auto",
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Train on Rfam and write a model bundle.

    Settings: defaults, then --preset, then --config, then --set and --encoder. 'rhoma train settings' prints them all.
    Several processes: torchrun --nproc-per-node 4 --no-python rhoma train run ... (--split is needed then).

    Examples:
        rhoma train run --rfam rfam --split split.tsv --config settings.yaml --out encoder

        rhoma train run --rfam rfam --split split.tsv --set train.steps=200 --set train.augment.window=96 --out encoder

        rhoma train run --rfam rfam --split split.tsv --encoder rinalmo-micro --model-dir DIR --set lora=8 --out adapted
    """
    use_threads(threads)
    set_up_logging(quiet=quiet)
    from rhoma.train.settings import start_of

    settings = _settings(preset, config, assigned, encoder, {"start": start_of(start)})
    try:
        import torch

        from rhoma.train.distributed import joined
        from rhoma.train.run import train_bundle
    except ImportError as error:
        raise ToolError("torch", f"cannot be imported ({error})", remedy="pip install 'rhoma[train]'") from error

    torch.set_num_threads(threads)
    with joined(device) as (where, ranks):
        data = _data(rfam, split, threads, ranks)
        with progress("steps", quiet=quiet) as tell:
            figures = train_bundle(
                data,
                settings,
                out,
                workdir or out.with_name(out.name + ".work"),
                device=where,
                model_dir=model_dir,
                start=start,
                threads=threads,
                progress=tell,
            )
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    logger.info("%s: %s", out, shown)


@app.command("settings")
def show_settings(
    preset: Preset = None,
    config: Settings = None,
    assigned: Assigned = [],  # noqa: B006 (typer copies it)
    encoder: EncoderName = None,
) -> None:
    """Print all settings of a training with what they mean, as YAML for --config.

    Examples:
        rhoma train settings > settings.yaml

        rhoma train settings --encoder compact --set train.steps=200
    """
    from rhoma.train.factory import network_settings
    from rhoma.train.schema import commented_yaml

    settings = _settings(preset, config, assigned, encoder, {})
    head, sizes = network_settings(settings)
    parts = {"head": head} | ({"sizes": sizes} if sizes is not None else {})
    typer.echo(commented_yaml(settings, parts, without={"head.whitened"}), nl=False)


@app.command("bundle")
def bundle(
    workdir: Annotated[Path, typer.Option(help="Of a training, running or not.")],
    rfam: Rfam,
    split: Annotated[Path, typer.Option(help="Split file of the training.")],
    out: Out,
    config: Settings = None,
    model_dir: ModelDir = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Write the best weights so far of a training as a model bundle.

    The settings are those that the training left in its work directory (config.yaml) unless --config is given.
    """
    use_threads(threads)
    set_up_logging(quiet=quiet)
    from rhoma.train.run import bundle_of_checkpoint
    from rhoma.train.settings import SETTINGS, resolve

    left = workdir / SETTINGS
    settings = resolve(file=config or (left if left.is_file() else None))
    figures = bundle_of_checkpoint(_data(rfam, split, threads, 1), workdir, out, settings, model_dir=model_dir)
    logger.info("%s: %s", out, ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


@app.command()
def whiten(
    model: Annotated[Path, typer.Option(help="Model bundle.")],
    rfam: Rfam,
    out: Out,
    whitened: Annotated[int | None, typer.Option(min=0, help="Axes kept of the head's vector; 0: as it is.")] = None,
    power: Annotated[float | None, typer.Option(min=0, max=1, help="1 levels all axes, 0 leaves them.")] = None,
    model_dir: ModelDir = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Fit the whitening of a bundle's vectors anew, without training: a bundle with the same encoder and head.

    The training families of the bundle's split are the background.
    """
    use_threads(threads)
    set_up_logging(quiet=quiet)
    import torch

    from rhoma.train.run import SPLIT, whiten_bundle
    from rhoma.train.settings import SETTINGS, resolve, start_of

    start_of(model)
    torch.set_num_threads(threads)
    settings = resolve(file=model / SETTINGS, given={"whitened": whitened, "power": power})
    figures = whiten_bundle(_data(rfam, model / SPLIT, threads, 1), settings, model, out, model_dir=model_dir)
    logger.info("%s: %s", out, ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


@app.command()
def fetch(
    out: Out,
    release: Annotated[str, typer.Option(help="Release of Rfam, such as 15.1, or CURRENT.")] = "15.1",
    base_url: Annotated[
        str, typer.Option(help="Server with the releases.")
    ] = "https://ftp.ebi.ac.uk/pub/databases/Rfam",
    families: Annotated[int | None, typer.Option(min=1, help="Only so many families.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files at a time.")] = 4,
    retries: Annotated[int, typer.Option(min=1, help="Attempts a file.")] = 5,
    quiet: Quiet = False,
) -> None:
    """Fetch a release of Rfam and make the directory that training and evaluation read.

    A command that was stopped goes on where it was when it is started again.
    """
    set_up_logging(quiet=quiet)
    from rhoma.databases.rfam import fetch_release

    with progress("families fetched", quiet=quiet) as tell:
        count = fetch_release(
            release,
            out,
            base_url=base_url,
            families=families,
            workers=workers,
            retries=retries,
            progress=tell,
        )
    logger.info("%s: Rfam %s, %d families", out, release, count)


@app.command()
def prepare(
    rfam: Rfam,
    out: Out,
    batch_size: Annotated[int, typer.Option(min=1, help="Families a batch.")] = 500,
    config: Settings = None,
    preset: Preset = None,
    assigned: Assigned = [],  # noqa: B006 (typer copies it)
    encoder: EncoderName = None,
    quiet: Quiet = False,
) -> None:
    """Filter the sequences by length and write their families in batches, for 'deduplicate'.

    The shortest and the longest sequence are those of the training's settings (min_length, max_length). Settings that
    'run' would refuse are refused here.
    """
    set_up_logging(quiet=quiet)
    from rhoma.train.prepare import write_batches

    settings = _settings(preset, config, assigned, encoder, {})
    count = write_batches(
        rfam, out, batch_size=batch_size, min_length=settings.min_length, max_length=settings.max_length
    )
    logger.info("%s: %d batches", out, count)


@app.command()
def deduplicate(
    fasta: Annotated[Path, typer.Option("--fasta", "-f", help="A batch of 'prepare'.")],
    out: Out,
    identity: Annotated[float, typer.Option(min=0, max=1, help="Identity of near copies.")] = 0.9,
    coverage: Annotated[float, typer.Option(min=0, max=1, help="Coverage of both sequences.")] = 0.8,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Keep one of the near copies within each family (MMseqs2)."""
    set_up_logging(quiet=quiet)
    from rhoma.evaluate.similarity import deduplicate as cluster
    from rhoma.train.prepare import read_batch, write_batch

    families = read_batch(fasta)
    kept = cluster(families, identity=identity, coverage=coverage, threads=threads)
    write_batch(out, kept)
    before, after = (sum(map(len, f.values())) for f in (families, kept))
    logger.info("%s: %d of %d sequences kept", out, after, before)


@app.command()
def gather(
    rfam: Rfam,
    out: Out,
    kept: Annotated[Path, typer.Option(help="Directory with the output of 'deduplicate' for each batch.")],
    quiet: Quiet = False,
) -> None:
    """Join what 'deduplicate' kept: a smaller directory of the same form as --rfam."""
    set_up_logging(quiet=quiet)
    from rhoma.train.prepare import gather as join

    logger.info("%s: %d sequences", out, join(rfam, sorted(kept.glob("*.fa")), out))


def _settings(
    preset: str | None, file: Path | None, assigned: list[str], encoder: str | None, more: dict[str, Any]
) -> RunConfig:
    """Returns the settings of a training, which fit its encoder."""
    from rhoma.train.settings import assignments, resolve

    settings = resolve(preset=preset, file=file, given=assignments(assigned) | {"encoder": encoder} | more)
    settings.encoder_info()
    return settings


def _data(rfam: Path, split: Path | None, threads: int, ranks: int) -> Data:
    """Returns what a training reads; the split is made anew where there is none."""
    import tempfile

    from rhoma.evaluate import splits
    from rhoma.train.data import Data

    if split is not None:
        rows, text = splits.read_split(split), split.read_text(encoding="utf-8")
    elif ranks > 1:
        raise InputError("several processes need one split", remedy="make it once: rhoma evaluate split")
    else:
        found = splits.load(rfam, threads=threads)
        rows = splits.make_split(found.sequences, found.clans, found.sizes, threads=threads)
        with tempfile.TemporaryDirectory(prefix="rhoma_") as directory:
            splits.write_split(Path(directory) / "split.tsv", rows)
            text = (Path(directory) / "split.tsv").read_text(encoding="utf-8")
    return Data(rfam, {row.family: row.split for row in rows}, text)
