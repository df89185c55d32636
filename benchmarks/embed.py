"""Throughput of an encoder beside what the machine's matrix products allow.

    python benchmarks/embed.py --threads 1
    python benchmarks/embed.py --device cuda --model rinalmo-giga --model-dir DIR
    python benchmarks/embed.py --strides 1,4

The first two cut random sequences of `--length` nt into the model's windows, as an index does, and print for each
runtime: windows and residues of the sequences a second, milliseconds a window, and with its reverse complement;
floating-point operations a second of the network's matrix products (what windows share counted once), and that as a
share of the rate that one large matrix product reaches on the same device and threads. Times are the median of
`--repeats`, of one thread in processor seconds. `--strides` prints milliseconds a window of a training step (forward
and backward, in `--precision`) of untrained compact networks whose heads have these strides.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from rhoma.models.embedder import load_embedder
from rhoma.models.encoders.compact import CompactConfig, CompactEncoder
from rhoma.models.heads import HeadConfig
from rhoma.models.network import HomologyNetwork
from rhoma.sequences import reverse_complement
from rhoma.train.loop import embed_views
from rhoma.windows import tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from rhoma.train.precision import Precision


def product_rate(device: str, dtype: torch.dtype, size: int) -> float:
    """Return the operations a second of a square matrix product: the best of ten."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        start = time.perf_counter()
        left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def operations(model: str | None, model_dir: str | None, sequences: list[str]) -> float:
    """Return the floating-point operations of one pass over `sequences`, as torch counts them."""
    embedder: Any = load_embedder(model, runtime="torch", model_dir=model_dir)
    with FlopCounterMode(display=False) as counter:
        embedder.embed(sequences)
    return float(counter.get_total_flops())


def median_seconds(embed: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """Return the median time of a call, after one that does not count."""
    times = []
    for _ in range(repeats + 1):
        start = clock()
        embed()
        times.append(clock() - start)
    return statistics.median(times[1:])


def stride_table(strides: list[int], sequences: list[str], repeats: int, precision: Precision) -> None:
    """Print the time of forward and backward for each stride of the head."""
    print("stride\tms_window")
    for stride in strides:
        network = HomologyNetwork(CompactEncoder(CompactConfig()), HeadConfig(stride=stride))
        times = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            embed_views(network, sequences, precision).sum().backward()
            times.append(time.perf_counter() - start)
        print(f"{stride}\t{1e3 * statistics.median(times[1:]) / len(sequences):.3f}")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="throughput of an encoder")
    parser.add_argument("--model")
    parser.add_argument("--model-dir")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=20)
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--strides", help="such as 1,4: time training steps of heads with these strides instead")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto", help="of training steps")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGU"), size=options.length)) for _ in range(options.sequences)]
    if options.strides:
        parts = [sequence[:100] for sequence in sequences]
        stride_table([int(s) for s in options.strides.split(",")], parts, options.repeats, options.precision)
        return
    gpu = options.device == "cuda"
    clock = time.perf_counter if gpu or options.threads > 1 else time.process_time
    # a GPU embeds in bf16, the processor in single precision
    limit = product_rate(options.device, torch.bfloat16 if gpu else torch.float32, 8192 if gpu else 1024)
    print(
        "runtime\tdevice\tthreads\twindows_s\tresidues_s\tms_window\tms_both_strands\tgflop_s\tproduct_gflop_s\tshare"
    )
    public = options.model_dir is not None
    for runtime in ("torch",) if gpu or public else ("onnx", "torch"):
        embedder = load_embedder(
            options.model, runtime=runtime, device=options.device, threads=options.threads, model_dir=options.model_dir
        )  # fmt: skip
        table = tile([len(s) for s in sequences], embedder.window, embedder.stride)
        spans = zip(table.sequence.tolist(), table.start.tolist(), table.end.tolist(), strict=True)
        windows = [sequences[number][start:end] for number, start, end in spans]
        # backwards, as they follow each other on the other strand
        both = [*windows, *(reverse_complement(window) for window in reversed(windows))]
        # the torch runtime embeds every window whole
        shared = options.length * options.sequences / sum(map(len, windows)) if runtime == "onnx" else 1.0
        work = operations(options.model, options.model_dir, windows[:32]) / 32 * len(windows) * shared
        seconds = median_seconds(lambda: embedder.embed(windows), options.repeats, clock)  # noqa: B023
        twice = median_seconds(lambda: embedder.embed(both), options.repeats, clock)  # noqa: B023
        cells = [len(windows) / seconds, options.length * options.sequences / seconds]
        print(
            f"{runtime}\t{options.device}\t{options.threads}\t{cells[0]:.0f}\t{cells[1]:.0f}"
            f"\t{1e3 * seconds / len(windows):.3f}\t{1e3 * twice / len(windows):.3f}\t{work / seconds / 1e9:.2f}"
            f"\t{limit / 1e9:.1f}\t{work / seconds / limit:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
