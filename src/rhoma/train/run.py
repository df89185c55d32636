"""A training run as a whole: data, network, loop, bundle."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from pydantic import ValidationError

from rhoma.bundle import load_network, write_bundle
from rhoma.encoders.compact import CompactConfig, CompactEncoder
from rhoma.encoders.public import PUBLIC
from rhoma.encoders.registry import load_encoder, weights_sha256
from rhoma.errors import InputError
from rhoma.heads import HeadConfig
from rhoma.manifest import MANIFEST, ModelManifest, read_manifest, sha256_file, verify_files
from rhoma.network import HomologyNetwork
from rhoma.pairing import CHANNELS
from rhoma.rfam import FAMILIES, MEMBERS, SEED
from rhoma.train.auxiliary import Auxiliary
from rhoma.train.cache import FrozenEncoder, fill_cache, member_windows
from rhoma.train.checkpoint import load_best, restore, trained_state
from rhoma.train.data import add_aligned, load_families
from rhoma.train.emit import emit_members
from rhoma.train.loop import train
from rhoma.train.lora import add_adapters, merge_adapters
from rhoma.train.loss import HomologyLoss
from rhoma.train.ranks import world
from rhoma.train.record import best_figures, curve, log_table, model_card, read_log
from rhoma.train.sampler import Sampler
from rhoma.train.settings import COMPACT, dump
from rhoma.train.validate import Validation, embed_sequences
from rhoma.train.whiten import fit_finish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from rhoma.manifest import EncoderInfo
    from rhoma.train.data import Family
    from rhoma.train.settings import RunConfig

logger = logging.getLogger(__name__)

SETTINGS, SPLIT, LOG, CURVE = "config.yaml", "split.tsv", "training.tsv", "curve.svg"


@dataclass(frozen=True, slots=True)
class Data:
    """What a training reads.

    Attributes:
        rfam: directory with families.tsv, seed.sto.gz and members.fa.gz.
        split: family -> train, validation or test.
        split_text: the split file, kept in the bundle.
    """

    rfam: Path
    split: Mapping[str, str]
    split_text: str

    def families(self, which: str) -> list[str]:
        """Return the families of one split."""
        return [family for family, split in self.split.items() if split == which]


class Validate:
    """Figures of a network on families that training never sees: retrieval, and the loss of one fixed batch."""

    def __init__(self, families: list[Family], strangers: list[Family], config: RunConfig) -> None:
        window = config.train.augment.window
        self.strangers, self.window = strangers, window
        self.retrieval = Validation(
            families,
            strangers,
            window=window,
            stride=min(config.stride, window),
            background=min(1500, 20 * len(strangers)),
        )
        self.batch = Sampler(families, config.train).batch(0)
        self.loss = HomologyLoss(config.train.temperature, config.train.clan)

    def __call__(self, network: HomologyNetwork) -> dict[str, float]:
        """Return the figures; `score` selects the model. The network's vectors are finished on the way."""
        fit_finish(network, self.strangers, self.window)
        figures = self.retrieval(network)
        vectors = torch.from_numpy(embed_sequences(network, self.batch.sequences, network.learned))
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
        workdir: checkpoints and cached states; a training that stopped there is continued.
        device: ``cpu``, ``cuda`` or ``cuda:<n>``.
        model_dir: weights of a public encoder.
        start: a bundle whose weights the training begins with.
        threads: processor threads for the tools that prepare the data.
        progress: told (steps done, steps in all).

    Raises:
        InputError: data or settings cannot be used.
        ArtefactError: the checkpoint in `workdir` is damaged or belongs to other settings.
        DeviceMemoryError: the device's memory does not hold a micro-batch.
    """
    rank, ranks = world()
    limits = {"min_length": config.min_length, "max_length": config.max_length}
    families = load_families(data.rfam, data.families("train"), **limits)
    if config.emitted:
        tell = progress if rank == 0 else None
        add_emitted(families, data.rfam, config, workdir / "emitted", threads=threads, progress=tell)
    held_out = data.families("validation")
    validate: Callable[[HomologyNetwork], dict[str, float]] | None = None
    if held_out and rank == 0:
        validate = Validate(load_families(data.rfam, held_out, **limits), families, config)
    elif rank == 0:
        logger.warning("the split has no validation families: the last weights are kept, not the best")
    elif held_out:
        validate = _elsewhere
    if rank == 0:
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / SETTINGS).write_text(dump(config), encoding="utf-8")
    network, info = make_network(config, model_dir=model_dir, device=device)
    if start is not None:
        begin_with(network, info, start, model_dir)
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
    )
    figures = best_figures(log)
    if rank == 0:
        _write(out, network, info, data, config, log, families, figures)
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
    limits = {"min_length": config.min_length, "max_length": config.max_length}
    families = load_families(data.rfam, data.families("train"), **limits)
    figures = best_figures(log)
    _write(out, network, info, data, config, log, families, figures)
    return figures


def refinish(
    data: Data, config: RunConfig, model: Path, out: Path, *, model_dir: Path | None = None
) -> dict[str, float]:
    """Return the figures of the bundle `model` after finishing its vectors as `config` says; written to `out`.

    Raises:
        InputError: `model` is no bundle, has no log of its training, or the settings are of another network.
        ArtefactError: it is damaged.
    """
    network, info = make_network(config, model_dir=model_dir)
    begin_with(network, info, model, model_dir)
    limits = {"min_length": config.min_length, "max_length": config.max_length}
    families, held_out = (load_families(data.rfam, data.families(w), **limits) for w in ("train", "validation"))
    log = read_log(model / LOG)
    figures = best_figures(log) | Validate(held_out, families, config)(network.eval())
    _write(out, network, info, data, config, log, families, figures, whitened_later=True)
    return figures


def make_network(
    config: RunConfig, *, model_dir: Path | None = None, device: str = "cpu"
) -> tuple[HomologyNetwork, EncoderInfo]:
    """Return the network to train, from the seed of the settings, and what a manifest says of its encoder.

    A public encoder is frozen, or has adapters where the settings ask for them.

    Raises:
        InputError: unknown encoder, or settings that do not fit it.
    """
    info = config.encoder_info()
    torch.manual_seed(config.train.seed)
    try:
        head = HeadConfig.model_validate(config.head | {"whitened": config.whitened, "words": config.words})
        compact = CompactConfig.model_validate(config.compact)
    except ValidationError as error:
        raise InputError(f"settings of the network: {error.errors()[0]['msg']}") from error
    encoder: Any
    if config.encoder == COMPACT:
        encoder = CompactEncoder(compact)
        info = info.model_copy(update={"config": compact.model_dump(mode="json")})
    else:
        encoder = load_encoder(info, model_dir)
        info = info.model_copy(update={"sha256": weights_sha256(info, model_dir)})
        if config.lora:
            add_adapters(encoder, config.lora, gradient_checkpointing=config.gradient_checkpointing)
        else:
            encoder = FrozenEncoder(encoder)
    return HomologyNetwork(encoder, head).to(device), info


def add_emitted(
    families: list[Family],
    rfam: Path,
    config: RunConfig,
    directory: Path,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fill the small ones of `families` up to ``config.emitted`` members, by samples kept in `directory`.

    Raises:
        ArtefactError: `directory` holds other samples.
        ToolError: Infernal is missing or fails.
    """
    wanted = {f.name: config.emitted - len(f.members) for f in families if len(f.members) < config.emitted}
    rank, ranks = world()
    if rank == 0:
        emit_members(rfam, wanted, directory, seed=config.train.seed, threads=threads, progress=progress)
    if ranks > 1:
        dist.barrier()
    add_aligned(families, directory, min_length=config.min_length, max_length=config.max_length)


def begin_with(network: HomologyNetwork, info: EncoderInfo, start: Path, model_dir: Path | None = None) -> None:
    """Fill the parts of `network` that are trained with the weights of the bundle `start`.

    Raises:
        InputError: `start` is no bundle, or of another encoder or head.
        ArtefactError: it is damaged.
    """
    if not (start / MANIFEST).is_file():
        raise InputError("is no model bundle", path=start, remedy=f"give a directory with {MANIFEST}")
    manifest = read_manifest(start, ModelManifest)
    verify_files(start, manifest)
    head = HeadConfig.model_validate(manifest.head)
    widened = network.config.structure and not head.structure
    # what finishes the vectors is fitted anew
    free = {"whitened": network.config.whitened, "words": network.config.words}
    if widened:
        free["structure"] = True
    if (manifest.encoder, head.model_copy(update=free)) != (info, network.config):
        raise InputError(
            "has another encoder or head than the settings of this training",
            path=start,
            remedy=f"train with the encoder and head of its {SETTINGS}",
        )
    known = load_network(start, manifest, model_dir=model_dir).state_dict()
    if widened:
        # every head takes its input by one layer; what it does not know yet counts nothing at first
        known["head.project.weight"] = _widen(known["head.project.weight"], CHANNELS)
    restore(network, {name: known[name] for name in trained_state(network)})


def _widen(weight: Tensor, channels: int) -> Tensor:
    """Return a layer's weight (out, in, ...) with so many further inputs, of weight zero."""
    return torch.cat([weight, weight.new_zeros(weight.shape[0], channels, *weight.shape[2:])], dim=1)


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
    families: list[Family],
    figures: dict[str, float],
    *,
    whitened_later: bool = False,
) -> None:
    window = config.train.augment.window
    fit_finish(network, families, window)
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
            SETTINGS: dump(config),
            SPLIT: data.split_text,
            LOG: log_table(log),
            CURVE: curve(log),
        },
    )
