"""The training loop, whole and visible: batch, cached gradients, step, validation, checkpoint."""

from __future__ import annotations

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn import functional as collective
from torch.nn import functional

from rhoma.errors import DeviceMemoryError
from rhoma.train.checkpoint import load_checkpoint, restore, save_checkpoint, trained_state
from rhoma.train.distributed import world
from rhoma.train.loss import make_loss
from rhoma.train.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rhoma.models.encoders.protocol import TokenBatch
    from rhoma.models.network import HomologyNetwork
    from rhoma.train.auxiliary import Auxiliary
    from rhoma.train.config import Precision, TrainConfig
    from rhoma.train.loss import HomologyLoss, RankLoss
    from rhoma.train.sampler import Batch, Sampler


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of `step` (from 0): linear warm-up, then a cosine to a hundredth."""
    warm = max(1, int(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def embed_views(
    network: HomologyNetwork,
    sequences: list[str],
    precision: Precision,
    forward: Callable[[TokenBatch], Tensor] | None = None,
) -> Tensor:
    """Return unit vectors (n, d) float32 on the network's device, with gradients where these are enabled.

    They are those of the head unless another `forward` is given.
    """
    device = next(network.parameters()).device
    batch = network.tokenize(sequences).to(device)
    with autocast(device, precision):
        vectors = (forward or network.learned)(batch)
    return functional.normalize(vectors.float(), dim=-1)


def backward(
    network: HomologyNetwork,
    loss: HomologyLoss | RankLoss,
    batch: Batch,
    config: TrainConfig,
    extra: Callable[[], Tensor] | None = None,
    forward: Callable[[TokenBatch], Tensor] | None = None,
) -> float:
    """Return the loss of `batch` after adding its gradient to the network's parameters.

    Under torch.distributed every rank embeds its slice of the batch and the vectors are gathered with
    gradients, so the summed gradient is that of one process with the whole batch. With `micro_batch` the vectors
    are made once without gradients, the loss gives their gradient, and a second pass in slices carries it into
    the parameters (GradCache, Gao et al. 2021): the batch may be larger than memory.

    Args:
        network: whose parameters get gradients.
        loss: of the vectors.
        batch: the views.
        config: precision and micro-batch.
        extra: gives a further loss to be added; under torch.distributed the mean over the ranks counts.
        forward: makes the vectors that the loss sees; by default the head's.
    """
    device = next(network.parameters()).device
    labels, clans = torch.from_numpy(batch.labels).to(device), torch.from_numpy(batch.clans).to(device)
    rank, ranks = world()
    mine = batch.sequences[rank::ranks]
    order = torch.cat([torch.arange(r, len(labels), ranks) for r in range(ranks)]).to(device)
    step = config.micro_batch or len(mine)
    slices = [mine[i : i + step] for i in range(0, len(mine), step)]
    cached = len(slices) > 1
    states = []
    parts = []
    with torch.set_grad_enabled(not cached):
        for part in slices:
            states.append(_random_state(device))
            parts.append(embed_views(network, part, config.precision, forward))
    local = torch.cat(parts)
    vectors = local.detach().requires_grad_() if cached else local
    everything = _gather(vectors, len(labels)) if ranks > 1 else vectors
    value: Tensor = loss(everything, labels[order], clans[order])
    torch.autograd.backward(value)
    if cached:
        assert vectors.grad is not None
        after = _random_state(device)
        for part, state, gradient in zip(slices, states, torch.split(vectors.grad, step), strict=True):
            # the same dropout as in the first pass
            _set_random_state(state, device)
            torch.autograd.backward(embed_views(network, part, config.precision, forward), gradient)
        _set_random_state(after, device)
    if extra is not None:
        torch.autograd.backward(extra())
    return float(value.detach())


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks.

    Every rank back-propagated the same loss and `all_gather` summed the copies, so the mean is the
    gradient of one process.
    """
    _, ranks = world()
    if ranks == 1:
        return
    for parameter in parameters:
        # what one rank has no gradient for, another may have
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)
        parameter.grad /= ranks


def _gather(vectors: Tensor, total: int) -> Tensor:
    """Return the vectors of all ranks, rank by rank; slices differ by one row at most and are padded."""
    _, ranks = world()
    sizes = [len(range(r, total, ranks)) for r in range(ranks)]
    padded = functional.pad(vectors, (0, 0, 0, max(sizes) - len(vectors)))
    gathered: tuple[Tensor, ...] = collective.all_gather(padded)  # type: ignore[no-untyped-call]
    return torch.cat([part[:size] for part, size in zip(gathered, sizes, strict=True)])


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


def train(
    network: HomologyNetwork,
    sampler: Sampler,
    config: TrainConfig,
    out: Path,
    *,
    validate: Callable[[HomologyNetwork], dict[str, float]] | None = None,
    report: Callable[[int, dict[str, float]], None] | None = None,
    auxiliary: Auxiliary | None = None,
    whiten: Callable[[HomologyNetwork], None] | None = None,
    map_rate: float = 0.0,
) -> list[dict[str, float]]:
    """Return the log, one entry a step (step, loss, rate, and what `validate` gave), after training in place.

    A checkpoint in `out` is continued: batches and dropout depend on the step alone, so the series of losses is
    the one an undisturbed training has. Where `validate` gives a key `score`, the network ends as it was at the
    best score, and training stops early after `patience` validations without a better one. Under
    torch.distributed the first rank validates and writes. With `map_rate` the loss is that of whitened vectors:
    `whiten` fits the whitening before the first step, and it is trained at this share of the learning rate.

    Raises:
        DeviceMemoryError: the device's memory does not hold a micro-batch.
        ArtefactError: the checkpoint in `out` belongs to another configuration.
    """
    modules = [network] if auxiliary is None else [network, auxiliary]
    mapped: list[torch.nn.Parameter] = []
    if network.whitening is not None and map_rate:
        mapped = list(network.whitening.requires_grad_().parameters())
    trained = [p for module in modules for p in module.parameters() if p.requires_grad]
    shares = {id(p): map_rate for p in mapped}
    for name, share in getattr(network.encoder, "rates", {}).items():
        shares[id(network.encoder.get_parameter(name))] = share  # type: ignore[attr-defined]
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for p in trained:
        share, decayed = shares.get(id(p), 1.0), p.ndim > 1 and id(p) not in shares
        decay = config.weight_decay if decayed else 0.0
        group = groups.setdefault((share, decayed), {"params": [], "weight_decay": decay, "share": share})
        group["params"].append(p)
    optimizer = torch.optim.AdamW(list(groups.values()), lr=config.learning_rate, betas=(0.9, 0.98))
    loss = make_loss(config.loss, config.temperature, config.clan)
    log, best = load_checkpoint(out, network, optimizer, config, auxiliary)
    since_best = _since_best(log)
    rank, _ = world()
    if mapped and whiten is not None and not log:
        network.eval()
        whiten(network)
    network.train()
    for step, batch in _batches(sampler, len(log), config.steps):
        if config.patience and since_best >= config.patience:
            break
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        optimizer.zero_grad(set_to_none=True)
        torch.manual_seed((config.seed * 1_000_003 + step) * 1_009 + rank)
        extra = None if auxiliary is None else auxiliary.losses(network, step)
        try:
            value = backward(network, loss, batch, config, extra, network if mapped else None)
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                "the GPU's memory does not hold the batch. Remedy: a smaller train.micro_batch"
            ) from error
        average_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, config.clip)
        optimizer.step()
        entry: dict[str, float] = {"step": step, "loss": value, "rate": rate}
        if auxiliary is not None:
            entry |= auxiliary.values
        last = step + 1 == config.steps
        if validate is not None and ((step + 1) % config.validate_every == 0 or last):
            entry |= _validated(network, validate)
            score = entry.get("score")
            if score is not None and (best is None or score > best[0]):
                best = (score, {k: v.detach().cpu().clone() for k, v in trained_state(network).items()})
        log.append(entry)
        since_best = _since_best(log)
        if report is not None:
            report(step, entry)
        stop = last or (config.patience > 0 and since_best >= config.patience)
        if rank == 0 and (stop or (step + 1) % config.checkpoint_every == 0):
            save_checkpoint(out, network, optimizer, config, log, best, auxiliary)
    if best is not None:
        restore(network, best[1])
    if network.whitening is not None:
        network.whitening.requires_grad_(False)
    network.eval()
    return log


def _batches(sampler: Sampler, start: int, stop: int) -> Iterator[tuple[int, Batch]]:
    """Yield (step, batch); a batch is drawn while the device works on the one before."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(sampler.batch, start)
        for step in range(start, stop):
            batch = upcoming.result()
            if step + 1 < stop:
                upcoming = pool.submit(sampler.batch, step + 1)
            yield step, batch


def _validated(network: HomologyNetwork, validate: Callable[[HomologyNetwork], dict[str, float]]) -> dict[str, float]:
    """Return the figures of the first rank's validation, on every rank."""
    rank, ranks = world()
    figures: list[Any] = [None]
    if rank == 0:
        network.eval()
        # which fits the whitening anew; the loss goes on with the one that all ranks have
        whitening = copy.deepcopy(network.whitening)
        figures = [validate(network)]
        if network.whitening is not None and whitening is not None:
            network.whitening.load_state_dict(whitening.state_dict())
        network.train()
    if ranks > 1:
        dist.broadcast_object_list(figures, src=0)
    result: dict[str, float] = figures[0]
    return result


def _since_best(log: list[dict[str, float]]) -> int:
    """Return how many validations there were since the one with the best score."""
    scores = [entry["score"] for entry in log if "score" in entry]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0
