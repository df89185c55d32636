"""``rhoma evaluate``: splits, benchmark, methods, figures, report."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rhoma.cli.common import Device, ModelDir, Quiet, Threads, new_app, set_up_logging, use_threads

if TYPE_CHECKING:
    from rhoma.evaluate.methods.base import Entry

app = new_app(no_args_is_help=True, help="Measure search methods on a benchmark.")
logger = logging.getLogger(__name__)

Rfam = Annotated[Path, typer.Option(help="Directory with families.tsv, seed.sto.gz and members.fa.gz.")]
RfamOrNone = Annotated[Path | None, typer.Option(help="Directory of the Rfam files; none for own sequences.")]
Split = Annotated[Path | None, typer.Option("--split", help="Split file; without it that of the shipped encoder.")]
Dataset = Annotated[Path, typer.Option("--dataset", "-d", help="Benchmark directory ('evaluate dataset').")]
Out = Annotated[Path, typer.Option("--out", "-o", help="What to write.")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", help="Model bundle, or the name of a public encoder; the shipped one without it."),
]
PresetName = Annotated[Literal["quick", "standard", "full"], typer.Option(help="How much is measured.")]
Tools = Annotated[Path | None, typer.Option("--tools", help="YAML file of more tools (command-line templates).")]
Indexes = Annotated[list[Path], typer.Option("--index", help="Index of a database ('evaluate index'), one a database.")]


def _indexes(paths: list[Path]) -> dict[str, Path]:
    return {path.name.removesuffix(".index"): path for path in paths}


def _entries(preset: str, tools: Path | None, *, seeds: bool) -> list[Entry]:
    from rhoma.evaluate.methods import entries_of
    from rhoma.evaluate.methods.template import read_templates
    from rhoma.evaluate.presets import preset as settings_of

    extra = read_templates(tools) if tools is not None else []
    return entries_of(preset, extra=extra, calibrate=settings_of(preset).calibrate, seeds=seeds)


@app.command()
def split(
    rfam: Rfam,
    out: Out,
    seed: Annotated[int, typer.Option(help="Of the order in which families are dealt out.")] = 1,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Divide the families of Rfam into train, validation and test, so that nothing related crosses."""
    from collections import Counter

    from rhoma.evaluate import splits

    set_up_logging(quiet=quiet)
    families = splits.load(rfam, threads=threads)
    rows = splits.make_split(families.sequences, families.clans, families.sizes, seed=seed, threads=threads)
    digest = splits.write_split(out, rows)
    counts = Counter(row.split for row in rows)
    logger.info("%s: %s, sha256 %s", out, ", ".join(f"{counts[n]} {n}" for n in splits.SPLITS), digest)


@app.command("check-split")
def check_split(
    rfam: Rfam,
    path: Annotated[Path, typer.Option("--split", help="Split file.")],
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Derive clans and similarities anew and make sure that none of them crosses a split."""
    from rhoma.evaluate import splits

    set_up_logging(quiet=quiet)
    families = splits.load(rfam, threads=threads)
    rows = splits.read_split(path)
    examined = splits.check_split(rows, families.sequences, families.clans, threads=threads)
    logger.info("%s: none of %d relations crosses", path, examined)


@app.command()
def dataset(
    out: Out,
    rfam: RfamOrNone = None,
    path: Split = None,
    preset: PresetName = "quick",
    queries: Annotated[Path | None, typer.Option(help="Own queries (FASTA), instead of --rfam.")] = None,
    targets: Annotated[Path | None, typer.Option(help="Own targets (FASTA).")] = None,
    labels: Annotated[Path | None, typer.Option(help="Own labels (TSV: id, family, clan).")] = None,
    families: Annotated[
        int | None, typer.Option(min=1, help="Queries of each size class of families at most, not those of the preset.")
    ] = None,
    decoys: Annotated[
        int | None, typer.Option(min=0, help="Shuffles of each member of a test family, not those of the preset.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 1,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Make the benchmark: queries, databases, decoys, labels."""
    from rhoma.evaluate import dataset as datasets
    from rhoma.evaluate.presets import preset as settings_of
    from rhoma.evaluate.splits import read_split

    set_up_logging(quiet=quiet)
    own = [value for value in (queries, targets, labels) if value is not None]
    if rfam is None and queries is not None and targets is not None and labels is not None:
        counts = datasets.own_dataset(queries, targets, labels, out)["counts"]
    elif rfam is not None and not own:
        if path is None:
            from rhoma.models.embedder import shipped_bundle

            path = shipped_bundle() / "split.tsv"
        chosen = {"seed": seed, "families": families, "decoys": decoys}
        changed = {name: value for name, value in chosen.items() if value is not None}
        config = settings_of(preset).dataset.model_copy(update=changed)
        counts = datasets.build_dataset(rfam, path, read_split(path), config, out, threads=threads)["counts"]
    else:
        raise typer.BadParameter("give --rfam, or all three of --queries, --targets and --labels")
    logger.info("%s: %s", out, counts)


@app.command()
def methods(
    preset: PresetName = "quick",
    tools: Tools = None,
    dataset: Annotated[Path | None, typer.Option("--dataset", "-d", help="For this benchmark.")] = None,
) -> None:
    """List the methods of a preset: name, kind, what it is (tab-separated, on stdout)."""
    for entry in _entries(preset, tools, seeds=dataset is None or (dataset / "seeds").is_dir()):
        typer.echo(f"{entry.name}\t{entry.kind}\t{entry.about}")


@app.command()
def index(
    dataset: Dataset,
    database: Annotated[str, typer.Option(help="Name of the database.")],
    out: Out,
    model: ModelName = None,
    model_dir: ModelDir = None,
    device: Device = "cpu",
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Embed and index one database of the benchmark, and note what that takes."""
    use_threads(threads)
    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.run import build_rhoma_index

    set_up_logging(quiet=quiet)
    targets = Benchmark(dataset).targets(database)
    facts = build_rhoma_index(targets, out, model=Model(model, model_dir), device=device, threads=threads)
    logger.info("%s: %d windows in %.1f s", out, facts["windows"], facts["seconds"])


@app.command()
def run(
    dataset: Dataset,
    method: Annotated[str, typer.Option(help="Name of the method ('evaluate methods').")],
    out: Out,
    indexes: Indexes = [],  # noqa: B006 (typer copies it)
    preset: PresetName = "quick",
    tools: Tools = None,
    model: ModelName = None,
    model_dir: ModelDir = None,
    database: Annotated[list[str] | None, typer.Option(help="Only this database; may be repeated.")] = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Run one method on the databases: ranked lists and timings. A failure is written down too."""
    use_threads(threads)
    from rhoma.errors import InputError
    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.run import run_method

    set_up_logging(quiet=quiet)
    benchmark = Benchmark(dataset)
    entries = {entry.name: entry for entry in _entries(preset, tools, seeds=True)}
    if method not in entries:
        raise InputError(f"there is no method {method!r}", remedy=f"choose one of {', '.join(entries)}")
    run_method(
        entries[method],
        benchmark,
        out,
        indexes=_indexes(indexes),
        databases=database,
        model=Model(model, model_dir),
        threads=threads,
    )


@app.command()
def ablate(
    dataset: Dataset,
    out: Out,
    indexes: Indexes,
    preset: PresetName = "standard",
    model: ModelName = None,
    model_dir: ModelDir = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Run the search in rounds with one setting changed at a time, on part of the queries."""
    use_threads(threads)
    from rhoma.evaluate.benchmark import DECOYS, Benchmark
    from rhoma.evaluate.methods import ABLATIONS
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.presets import preset as settings_of
    from rhoma.evaluate.run import run_method

    set_up_logging(quiet=quiet)
    benchmark = Benchmark(dataset)
    out.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in benchmark.databases if name != DECOYS][-1:]
    most = settings_of(preset).ablation_queries
    for number, entry in enumerate(ABLATIONS if most else ()):
        run_method(
            entry,
            benchmark,
            out / f"{number:02d}",
            indexes=_indexes(indexes),
            databases=wanted,
            model=Model(model, model_dir),
            threads=threads,
            most_queries=most,
        )


@app.command()
def msa(
    dataset: Dataset,
    out: Out,
    indexes: Indexes,
    preset: PresetName = "quick",
    model: ModelName = None,
    model_dir: ModelDir = None,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Measure alignments against the reference alignments: Rhoma's, BLASTn's hits in the same workflow, MAFFT's."""
    use_threads(threads)
    from rhoma.errors import InputError
    from rhoma.evaluate.benchmark import PLAIN, Benchmark
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.msa import MSA, MSA_QUERIES, measure_alignments
    from rhoma.evaluate.presets import preset as settings_of
    from rhoma.evaluate.tables import write_table

    set_up_logging(quiet=quiet)
    benchmark = Benchmark(dataset)
    index_path = _indexes(indexes).get(PLAIN)
    if index_path is None or not (dataset / "seeds").is_dir():
        raise InputError("needs reference alignments and the index of the database 'plain'", path=dataset)
    most = settings_of(preset).alignment_queries
    rows, single = measure_alignments(
        benchmark, index_path, most_queries=most, model=Model(model, model_dir), threads=threads
    )
    out.mkdir(parents=True, exist_ok=True)
    write_table(out, "msa", MSA, rows)
    write_table(out, "msa_queries", MSA_QUERIES, single)


@app.command()
def embedding(
    dataset: Dataset,
    out: Out,
    rfam: RfamOrNone = None,
    path: Split = None,
    preset: PresetName = "quick",
    model: ModelName = None,
    model_dir: ModelDir = None,
    device: Device = "cpu",
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Measure how families and clans keep together in the embedding space, and lay out its atlas."""
    use_threads(threads)
    import json

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.embedding import EMBEDDING, measure_embedding
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.presets import preset as settings_of
    from rhoma.evaluate.splits import read_split
    from rhoma.evaluate.tables import write_table
    from rhoma.models.embedder import shipped_bundle

    set_up_logging(quiet=quiet)
    rows, points = measure_embedding(
        Benchmark(dataset),
        Model(model, model_dir).load(device=device, threads=threads),
        rfam=rfam,
        split=read_split(path or shipped_bundle() / "split.tsv") if rfam is not None else (),
        most_families=settings_of(preset).embedding_families,
        threads=threads,
    )
    out.mkdir(parents=True, exist_ok=True)
    write_table(out, "embedding", EMBEDDING, rows)
    (out / "atlas.json").write_text(json.dumps(points) + "\n", encoding="utf-8")


@app.command()
def report(
    dataset: Dataset,
    runs: Annotated[list[Path], typer.Option("--run", help="Directory of 'evaluate run', one a method.")],
    out: Out,
    ablations: Annotated[Path | None, typer.Option(help="Directory of 'evaluate ablate'.")] = None,
    parts: Annotated[
        list[Path], typer.Option("--part", help="Directory of 'evaluate msa' or 'evaluate embedding'.")
    ] = [],  # noqa: B006 (typer copies it)
    preset: PresetName = "quick",
    tools: Tools = None,
    command: Annotated[str, typer.Option(help="The command to name in the report.")] = "rhoma evaluate",
    quiet: Quiet = False,
) -> None:
    """Write all tables (TSV, JSON, Markdown), plots (SVG) and report.html."""
    from rhoma.evaluate.assemble import assemble
    from rhoma.evaluate.benchmark import Benchmark

    set_up_logging(quiet=quiet)
    expected = [entry.name for entry in _entries(preset, tools, seeds=(dataset / "seeds").is_dir())]
    failures = assemble(
        Benchmark(dataset),
        runs,
        out,
        expected=expected,
        ablations=ablations,
        parts=parts,
        preset=preset,
        command=command,
    )
    for line in failures:
        logger.warning("%s", line)
    logger.info("%s", out / "report.html")
