"""What a bundle says about its training: log, curve, model card."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from rhoma.errors import InputError
from rhoma.models.encoders import OWN
from rhoma.models.heads import HeadConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rhoma.train.settings import RunConfig

_FIRST = ("step", "loss", "rate")
_TRAINING = (*_FIRST, "masked", "aligned")


def best_figures(log: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the validation figures of the step whose weights a training ends with, and the number of steps."""
    validated = [entry for entry in log if "score" in entry]
    best = max(validated, key=lambda entry: (entry["score"], -entry["step"]), default={})
    figures = {name: float(value) for name, value in best.items() if name not in _TRAINING}
    if best:
        figures["best_step"] = float(best["step"])
    return figures | {"steps": float(len(log))}


def log_table(log: Sequence[Mapping[str, float]]) -> str:
    """Return the log as a table separated by tabs, one row a step; cells of steps without validation are empty."""
    names = [*_FIRST, *sorted({name for entry in log for name in entry} - set(_FIRST))]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(names)
    for entry in log:
        writer.writerow([int(entry["step"]), *(f"{entry[n]:.6g}" if n in entry else "" for n in names[1:])])
    return out.getvalue()


def read_log(path: Path) -> list[dict[str, float]]:
    """Return the log that `log_table` wrote.

    Raises:
        InputError: there is no such file, or it holds no steps.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        log = [{name: float(cell) for name, cell in row.items() if cell} for row in rows]
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as the log of a training ({error})", path=path) from error
    if not log:
        raise InputError("holds no steps", path=path)
    return log


def curve(log: Sequence[Mapping[str, float]]) -> str:
    """Return an SVG of the loss and, on a second axis, of the validation's figures; the same bytes every time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "rhoma", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        steps = [entry["step"] for entry in log]
        axes.plot(steps, [entry["loss"] for entry in log], color="0.6", linewidth=0.8, label="training loss")
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        validated = [entry for entry in log if "score" in entry]
        if validated:
            if all("validation_loss" in entry for entry in validated):
                axes.plot(
                    [e["step"] for e in validated],
                    [e["validation_loss"] for e in validated],
                    color="black",
                    linestyle="--",
                    label="validation loss",
                )
            right = axes.twinx()
            for name, label in (
                ("learned_map", "learned"),
                ("words_map", "7-mers"),
                ("both_map", "both"),
            ):
                if all(name in entry for entry in validated):
                    right.plot(
                        [e["step"] for e in validated],
                        [e[name] for e in validated],
                        marker=".",
                        label=f"{label}: mean average precision",
                    )
            right.set_ylabel("mean average precision (validation)")
            right.set_ylim(bottom=0)
            if right.get_legend_handles_labels()[0]:
                right.legend(loc="lower right", fontsize="small")
        axes.legend(loc="lower left", fontsize="small")
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue().decode("utf-8")


def model_card(
    config: RunConfig,
    figures: Mapping[str, float],
    *,
    data: Mapping[str, str],
    split_sha256: str,
    licence: str,
    counts: Mapping[str, int],
    whitened_later: bool = False,
) -> str:
    """Return the text of a bundle's ``README.md``.

    Args:
        config: the resolved settings.
        figures: of the validation.
        data: sha256 of every data file, by name.
        split_sha256: of the split file.
        licence: of the weights.
        counts: families by split.
        whitened_later: whether the whitening was fitted by a command of its own.
    """
    rows = [f"| {name} | {value:.4g} |" for name, value in figures.items()]
    encoder = (
        f"{config.encoder}, trained from scratch"
        if config.encoder in OWN
        else f"{config.encoder}, {f'with LoRA of rank {config.lora}, merged' if config.lora else 'frozen'}"
    )
    window = config.index_window()
    needs = "" if config.encoder in OWN else " --model-dir <directory of the encoder>"
    begun = f" --start <bundle whose manifest has the sha256 {config.start}>" if config.start else ""
    return "\n".join(
        [
            f"# {config.name}",
            "",
            f"RNA windows of up to {window} nt to unit vectors: homologs lie close together. Encoder: {encoder}."
            f" Head: {HeadConfig.model_validate(config.head_settings()).kind}."
            + (f" {config.whitened} axes of its vector, whitened." if config.whitened else ""),
            "",
            "Use: `rhoma embed --fasta sequences.fasta --out sequences.store --model <this directory>`.",
            "",
            "## Data",
            "",
            "Rfam families (CC0 1.0, public domain dedication): seed alignments and member sequences.",
            f"Training used {counts.get('train', 0)} families; {counts.get('validation', 0)} others chose the"
            " best step. Families of the test split were not used.",
            "",
            "| file | sha256 |",
            "| --- | --- |",
            *(f"| {name} | `{digest}` |" for name, digest in sorted(data.items())),
            f"| split.tsv | `{split_sha256}` |",
            "",
            "## Validation",
            "",
            "Queries are members of families that training never saw, targets their homologs inside random flanks"
            " among members of training families; `words` are 7-mer counts, `both` the sum.",
            "",
            "| figure | value |",
            "| --- | --- |",
            *rows,
            "",
            "`training.tsv` has every step, `curve.svg` shows them."
            + (" Their figures are those of the vectors before that whitening." if whitened_later else ""),
            "",
            "## Made by",
            "",
            "```",
            f"rhoma train run --rfam <directory of the data> --split split.tsv --config config.yaml{needs}{begun}"
            " --out <bundle>",
            *(["rhoma train whiten --model <bundle> --rfam <directory of the data> --out <this>"] * whitened_later),
            "```",
            "",
            f"Licence of the weights: {licence}.",
            "",
        ]
    )
