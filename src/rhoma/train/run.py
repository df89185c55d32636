"""A training run as a whole: data, network, loop, bundle."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from rhoma.errors import InputError
from rhoma.manifest import sha256_file
from rhoma.models.bundle import write_bundle
from rhoma.models.encoders.public import PUBLIC
from rhoma.rfam import FAMILIES, MEMBERS, SEED
from rhoma.train.auxiliary import Auxiliary
from rhoma.train.cache import FrozenEncoder, fill_cache, member_windows
from rhoma.train.checkpoint import load_best, restore
from rhoma.train.cm_samples import add_cm_samples
from rhoma.train.distributed import world
from rhoma.train.factory import begin_with, make_network, read_network, whitened_anew
from rhoma.train.folds import Folds
from rhoma.train.loop import train
from rhoma.train.lora import merge_adapters
from rhoma.train.loss import make_loss
from rhoma.train.model_card import best_figures, curve, log_table, model_card, read_log
from rhoma.train.sampler import Sampler
from rhoma.train.schema import commented_yaml
from rhoma.train.settings import SETTINGS, start_of
from rhoma.train.validate import Validation, embed_sequences
from rhoma.train.whiten import fit_whitening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rhoma.manifest import EncoderInfo
    from rhoma.models.network import HomologyNetwork
    from rhoma.train.data import Data, Family
    from rhoma.train.settings import RunConfig

logger = logging.getLogger(__name__)

SPLIT, LOG, CURVE = "split.tsv", "training.tsv", "curve.svg"
# beside the checkpoint
FOLDS = "folds.sqlite"


class Validate:
    """Figures of a network on families that training never sees: retrieval, and the loss of one fixed batch."""

    def __init__(self, families: list[Family], negatives: list[Family], config: RunConfig) -> None:
        window = config.index_window()
        self.negatives, self.views, self.power = negatives, config.train.augment.window, config.power
        self.whitened = config.rate_of_map() > 0
        self.retrieval = Validation(
            families,
            negatives,
            window=window,
            stride=min(config.stride, window),
            background=min(1500, 20 * len(negatives)),
        )
        self.batch = Sampler(families, config.train).batch(0)
        self.loss = make_loss(config.train.loss, config.train.temperature, config.train.clan)

    def __call__(self, network: HomologyNetwork) -> dict[str, float]:
        """Return the figures; `score` selects the model. The network's whitening is fitted on the way."""
        fit_whitening(network, self.negatives, self.views, self.power)
        return self.measure(network)

    def measure(self, network: HomologyNetwork) -> dict[str, float]:
        """Return the figures of a network whose whitening is fitted."""
        figures = self.retrieval(network)
        forward = network if self.whitened else network.learned
        vectors = torch.from_numpy(embed_sequences(network, self.batch.sequences, forward))
        value = self.loss(vectors, torch.from_numpy(self.batch.labels), torch.from_numpy(self.batch.clans))
        return figures | {"validation_loss": float(value)}


def train_bundle(
    data: Data,
    config: RunConfig,
    out: Path,
    workdir: Path,
    *,
    device: str = "cpu",
    model_dir: Path | None = None,
    start: Path | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Return the figures of the model bundle that it trains and writes to `out`.

    Args:
        data: Rfam and the split.
        config: resolved settings.
        out: the bundle.
        workdir: checkpoints, cached states, folds; a training that stopped there is continued.
        device: ``cpu``, ``cuda`` or ``cuda:<n>``.
        model_dir: weights of a public encoder.
        start: the bundle that ``config.start`` names.
        threads: processor threads for the tools that prepare the data.
        progress: told (steps done, steps in all).

    Raises:
        InputError: data or settings cannot be used.
        ArtefactError: the checkpoint in `workdir` is damaged or belongs to other settings.
        DeviceMemoryError: the device's memory does not hold a micro-batch.
    """
    rank, ranks = world()
    if (start_of(start) or "") != config.start:
        raise InputError(
            f"the settings begin with a bundle whose manifest has the sha256 {config.start or '(none)'}",
            path=start,
            remedy="give that one by --start",
        )
    # first of all: what is wrong with an encoder or its settings is told at once
    network, info = make_network(config, model_dir=model_dir, device=device)
    if start is not None:
        begin_with(network, info, start, model_dir)
    if network.config.structure:
        network.fold = Folds(workdir / FOLDS)
    families = data.load("train", config)
    if config.cm_samples:
        tell = progress if rank == 0 else None
        add_cm_samples(families, data.rfam, config, workdir / "cm_samples", threads=threads, progress=tell)
    held_out = data.families("validation")
    validate: Callable[[HomologyNetwork], dict[str, float]] | None = None
    if held_out and rank == 0:
        validate = Validate(data.load("validation", config), families, config)
    elif rank == 0:
        logger.warning("the split has no validation families: the last weights are kept, not the best")
    elif held_out:
        validate = _elsewhere
    if rank == 0:
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / SETTINGS).write_text(commented_yaml(config), encoding="utf-8")
    if config.cache and not config.lora:
        _use_cache(network, info, families, config, workdir / "states", device, progress if rank == 0 else None)
    auxiliary = None
    if config.train.masked or config.train.aligned:
        if not any(p.requires_grad for p in network.encoder.parameters()):  # type: ignore[attr-defined]
            raise InputError("a frozen encoder has nothing to learn from masked or aligned letters")
        auxiliary = Auxiliary(network.encoder.hidden_size, families, config.train).to(device)

    def report(step: int, entry: dict[str, float]) -> None:
        if rank:
            return
        if "score" in entry:
            shown = ", ".join(f"{k} {v:.4g}" for k, v in entry.items() if k not in ("step", "rate"))
            logger.info("step %d: %s", step + 1, shown)
        if progress is not None:
            progress(step + 1, config.train.steps)

    log = train(
        network,
        Sampler(families, config.train),
        config.train,
        workdir,
        validate=validate,
        report=report,
        auxiliary=auxiliary,
        whiten=lambda n: fit_whitening(n, families, config.train.augment.window, config.power),
        map_rate=config.rate_of_map(),
    )
    figures = best_figures(log)
    if rank == 0:
        # the best weights are not those that were validated last
        fit_whitening(network, families, config.train.augment.window, config.power)
        _write(out, network, info, data, config, log, figures)
    if ranks > 1:
        dist.barrier()
    return figures


def bundle_of_checkpoint(
    data: Data, workdir: Path, out: Path, config: RunConfig, *, model_dir: Path | None = None
) -> dict[str, float]:
    """Return the figures of the best weights so far in `workdir`, after writing these as a bundle.

    Args:
        data: what the training reads.
        workdir: of the training, which may still run.
        out: the bundle.
        config: its settings; those of the loop are taken from the checkpoint.
        model_dir: weights of a public encoder.

    Raises:
        InputError: there is no checkpoint.
        ArtefactError: it is damaged, or the settings belong to another network.
    """
    weights, loop, log = load_best(workdir)
    config = config.model_copy(update={"train": loop})
    network, info = make_network(config, model_dir=model_dir)
    restore(network, weights)
    if network.config.structure:
        network.fold = Folds(workdir / FOLDS)
    fit_whitening(network, data.load("train", config), config.train.augment.window, config.power)
    figures = best_figures(log)
    _write(out, network, info, data, config, log, figures)
    return figures


def whiten_bundle(
    data: Data, config: RunConfig, model: Path, out: Path, *, model_dir: Path | None = None
) -> dict[str, float]:
    """Return the figures of the bundle `model` after whitening its vectors as `config` says; written to `out`.

    Raises:
        InputError: `model` is no bundle, has no log of its training, or not so many axes.
        ArtefactError: it is damaged.
    """
    known, manifest = read_network(model, model_dir)
    network = whitened_anew(known, config.whitened).eval()
    log = read_log(model / LOG)
    figures = best_figures(log)
    families = data.load("train", config)
    fit_whitening(network, families, config.train.augment.window, config.power)
    if data.families("validation"):
        figures |= Validate(data.load("validation", config), families, config).measure(network)
    _write(out, network, manifest.encoder, data, config, log, figures, whitened_later=True)
    return figures


def _use_cache(
    network: HomologyNetwork,
    info: EncoderInfo,
    families: list[Family],
    config: RunConfig,
    directory: Path,
    device: str,
    progress: Callable[[int, int], None] | None,
) -> None:
    frozen = network.encoder
    assert isinstance(frozen, FrozenEncoder)
    augment = config.train.augment
    if augment.grid < 1:
        raise InputError(
            "cached states need windows that come again", remedy="set train.augment.grid to the windows' distance"
        )
    rank, ranks = world()
    fingerprint = info.sha256 or ""
    windows = member_windows(families, augment.window, augment.grid)
    if rank == 0:
        frozen.cache = fill_cache(directory, frozen.source, fingerprint, windows, device=device, progress=progress)
    if ranks > 1:
        dist.barrier()
    if rank:
        frozen.cache = fill_cache(directory, frozen.source, fingerprint, windows, device=device)


def _elsewhere(network: HomologyNetwork) -> dict[str, float]:
    """Stand for the validation on ranks that do not validate; the first rank's figures reach them."""
    raise AssertionError("only the first rank validates")


def _write(
    out: Path,
    network: HomologyNetwork,
    info: EncoderInfo,
    data: Data,
    config: RunConfig,
    log: list[dict[str, float]],
    figures: dict[str, float],
    *,
    whitened_later: bool = False,
) -> None:
    window = config.index_window()
    if isinstance(network.encoder, FrozenEncoder):
        network.encoder = network.encoder.source
    merge_adapters(network.encoder)
    hashes = {name: sha256_file(data.rfam / name) for name in (FAMILIES, SEED, MEMBERS)}
    split_sha256 = hashlib.sha256(data.split_text.encode()).hexdigest()
    licence = PUBLIC[config.encoder].licence if info.config.get("adapted") else "MIT"
    counts = {name: len(data.families(name)) for name in ("train", "validation", "test")}
    card = model_card(
        config,
        figures,
        data=hashes,
        split_sha256=split_sha256,
        licence=licence,
        counts=counts,
        whitened_later=whitened_later,
    )
    write_bundle(
        out,
        network,
        info,
        name=config.name,
        window=window,
        stride=min(config.stride, window),
        training={
            "data": hashes,
            "split": {"file": SPLIT, "sha256": split_sha256, "families": counts},
            "config": config.model_dump(mode="json"),
        },
        metrics=figures,
        licence=licence,
        card=card,
        extra={
            SETTINGS: commented_yaml(config),
            SPLIT: data.split_text,
            LOG: log_table(log),
            CURVE: curve(log),
        },
    )
