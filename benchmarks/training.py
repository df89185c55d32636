"""What each choice of the training is worth: short trainings from the same weights, the same batches, the same queries.

    python benchmarks/training.py --rfam ../shared/data/rfam --steps 150 --variants base,nearest

Every variant continues the shipped encoder for `--steps` steps of a smaller batch on its split's training families and
is then measured on the validation families (flanked members among others, see rhoma.train.validate). Prints a row a
variant: the last losses, seconds a step, mean average precision of the vectors and of vectors and 7-mers together, and
the gain of both over the first variant with a 95 % interval of a paired bootstrap over queries.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from vectors import interval

from rhoma.evaluate.splits import read_split
from rhoma.models.embedder import shipped_bundle
from rhoma.train.auxiliary import Auxiliary
from rhoma.train.cm_samples import add_cm_samples
from rhoma.train.data import Data
from rhoma.train.factory import begin_with, make_network
from rhoma.train.loop import train
from rhoma.train.run import Validate
from rhoma.train.sampler import Sampler
from rhoma.train.settings import resolve
from rhoma.train.whiten import fit_whitening

# a small batch, so that a variant takes minutes
_COMMON = {"families": 32, "synthetic": 16, "negatives": 32, "learning_rate": 7e-4, "warmup": 0.1}
VARIANTS: dict[str, dict[str, Any]] = {
    "start": {},
    "base": {},
    "cm_samples": {"cm_samples": 8},
    "nearest": {"train": {"nearest": 0.5}},
    "structure": {"head": {"structure": True}},
    "masked": {"train": {"masked": 0.1}},
    "aligned": {"train": {"aligned": 0.1}},
}
_SHOWN = ("learned_map", "both_map", "learned_recall1000", "both_recall1000")


def main() -> None:
    """Train the variants and print the table."""
    parser = argparse.ArgumentParser(description="gains of choices of the training")
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="the first one is what others are compared with")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = shipped_bundle()
    split = {row.family: row.split for row in read_split(bundle / "split.tsv")}
    loop = _COMMON | {"steps": options.steps, "seed": options.seed, "validate_every": options.steps}
    common = resolve(file=bundle / "config.yaml", given={"train": loop | {"precision": "auto"}})
    data = Data(options.rfam, split, "")
    families, held_out = (data.load(which, common) for which in ("train", "validation"))
    validate = Validate(held_out, families, common)
    print("\t".join(("variant", "loss", "s_step", *_SHOWN, "gain_learned_map", "gain_both_map")), flush=True)
    base: dict[str, np.ndarray[Any, Any]] | None = None
    for name in options.variants.split(","):
        config = resolve(given=merged(common.model_dump(), VARIANTS[name]))
        network, info = make_network(config)
        begin_with(network, info, bundle)
        seconds, losses = 0.0, [float("nan")]
        if name != "start":
            extra = config.train.masked or config.train.aligned
            auxiliary = Auxiliary(network.encoder.hidden_size, families, config.train) if extra else None
            chosen = copy.deepcopy(families) if config.cm_samples else families
            with tempfile.TemporaryDirectory() as directory:
                if config.cm_samples:
                    add_cm_samples(
                        chosen, options.rfam, config, Path(directory) / "cm_samples", threads=options.threads
                    )
                sampler = Sampler(chosen, config.train)
                began = time.perf_counter()
                log = train(
                    network,
                    sampler,
                    config.train,
                    Path(directory),
                    auxiliary=auxiliary,
                    whiten=partial(
                        fit_whitening, families=chosen, window=config.train.augment.window, power=config.power
                    ),
                    map_rate=config.rate_of_map(),
                )
            seconds = (time.perf_counter() - began) / options.steps
            losses = [entry["loss"] for entry in log[-50:]]
        network.eval()
        fit_whitening(network, families, config.train.augment.window, config.power)
        figures = validate.retrieval.by_query(network)
        base = base or figures
        cells = [f"{np.mean(losses):.3f}", f"{seconds:.2f}", *(f"{figures[key].mean():.4f}" for key in _SHOWN)]
        gains = [interval(figures[key] - base[key]) for key in _SHOWN[:2]]
        print("\t".join((name, *cells, *gains)), flush=True)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the settings of `over`."""
    return {**base, **over, "train": {**base["train"], **over.get("train", {})}}


if __name__ == "__main__":
    main()
