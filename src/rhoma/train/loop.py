"""The training loop, whole and visible: batch, cached gradients, step, validation, checkpoint."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn import functional

from rhoma.errors import DeviceMemoryError
from rhoma.train.checkpoint import load_checkpoint, save_checkpoint
from rhoma.train.loss import HomologyLoss

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rhoma.network import HomologyNetwork
    from rhoma.train.config import TrainConfig
    from rhoma.train.sampler import Batch, Sampler


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of `step` (from 0): linear warm-up, then a cosine to a hundredth."""
    warm = max(1, int(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def embed_views(network: HomologyNetwork, sequences: list[str], precision: str) -> Tensor:
    """Return unit vectors (n, d) float32 of `sequences` on the network's device, with gradients where enabled."""
    device = next(network.parameters()).device
    batch = network.encoder.tokenize(sequences).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        vectors = network(batch)
    return functional.normalize(vectors.float(), dim=-1)


def backward(network: HomologyNetwork, loss: HomologyLoss, batch: Batch, config: TrainConfig) -> float:
    """Return the loss of `batch` after adding its gradient to the network's parameters.

    Under torch.distributed every rank embeds its slice of the batch and the vectors are gathered with gradients, so
    the summed gradient is that of one process with the whole batch. With `micro_batch` the vectors are made
    once without gradients, the loss gives their gradient, and a second pass in slices carries it into the parameters
    (GradCache, Gao et al. 2021): the batch may be larger than memory.
    """
    device = next(network.parameters()).device
    labels, clans = torch.from_numpy(batch.labels).to(device), torch.from_numpy(batch.clans).to(device)
    ranks = dist.get_world_size() if dist.is_initialized() else 1
    rank = dist.get_rank() if dist.is_initialized() else 0
    mine = batch.sequences[rank::ranks]
    order = torch.cat([torch.arange(r, len(labels), ranks) for r in range(ranks)]).to(device)
    step = config.micro_batch or len(mine)
    slices = [mine[i : i + step] for i in range(0, len(mine), step)]
    cached = len(slices) > 1
    with torch.set_grad_enabled(not cached):
        local = torch.cat([embed_views(network, s, config.precision) for s in slices])
    vectors = local.detach().requires_grad_() if cached else local
    everything = _gather(vectors, len(labels)) if ranks > 1 else vectors
    value = loss(everything, labels[order], clans[order])
    value.backward()
    if cached:
        assert vectors.grad is not None
        for part, gradient in zip(slices, vectors.grad.split(step), strict=True):
            embed_views(network, part, config.precision).backward(gradient)
    if ranks > 1:
        # every rank back-propagated the same loss and all_gather summed the copies: the mean is the gradient
        for parameter in network.parameters():
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= ranks
    return float(value.detach())


def _gather(vectors: Tensor, total: int) -> Tensor:
    """Return the vectors of all ranks, rank by rank; slices differ by one row at most and are padded to travel."""
    ranks = dist.get_world_size()
    sizes = [len(range(r, total, ranks)) for r in range(ranks)]
    padded = functional.pad(vectors, (0, 0, 0, max(sizes) - len(vectors)))
    return torch.cat([part[:size] for part, size in zip(all_gather(padded), sizes, strict=True)])


def train(
    network: HomologyNetwork,
    sampler: Sampler,
    config: TrainConfig,
    out: Path,
    *,
    validate: Callable[[HomologyNetwork], dict[str, float]] | None = None,
    report: Callable[[int, dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Return the log, one entry a step (step, loss, rate, and what `validate` gave), after training in place.

    A checkpoint in `out` is continued: batches depend on the step alone, so the series of losses is the one an
    undisturbed training has. Where `validate` gives a key `score`, the network ends as it was at the best score,
    and training stops early after `patience` validations without a better one.

    Raises:
        DeviceMemoryError: the device's memory does not hold a micro-batch.
        ArtefactError: the checkpoint in `out` belongs to another configuration.
    """
    trained = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    plain = [p for p in trained if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
    )
    loss = HomologyLoss(config.temperature, config.clan)
    log, best = load_checkpoint(out, network, optimizer, config)
    since_best = 0
    network.train()
    for step in range(len(log), config.steps):
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        try:
            value = backward(network, loss, sampler.batch(step), config)
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                "the GPU's memory does not hold the batch. Remedy: a smaller --micro-batch"
            ) from error
        torch.nn.utils.clip_grad_norm_(trained, config.clip)
        optimizer.step()
        entry: dict[str, float] = {"step": step, "loss": value, "rate": rate}
        last = step + 1 == config.steps
        if validate is not None and ((step + 1) % config.validate_every == 0 or last):
            network.eval()
            entry |= validate(network)
            network.train()
            score = entry.get("score")
            if score is not None and (best is None or score > best[0]):
                best = (score, {k: v.detach().cpu().clone() for k, v in network.state_dict().items()})
                since_best = 0
            else:
                since_best += 1
        log.append(entry)
        if report is not None:
            report(step, entry)
        stop = last or (config.patience > 0 and since_best >= config.patience)
        if stop or (step + 1) % config.checkpoint_every == 0:
            save_checkpoint(out, network, optimizer, config, log, best)
        if stop:
            break
    if best is not None:
        network.load_state_dict(best[1])
    network.eval()
    return log
