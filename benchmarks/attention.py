"""Plain matrix products against the fused attention kernel on the processor, forward and backward.

    python benchmarks/attention.py --threads 1

Prints one row a setting: median milliseconds of each and their ratio (above 1: the plain products are faster). The
shape is that of a training batch of the compact encoder's head: 128 nt a window, one position for every 4 nt, and
without that stride.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import scaled_dot_product_attention

from rhoma.models.transformer import attend

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def fused(query: Tensor, key: Tensor, value: Tensor, attention: Tensor) -> Tensor:
    """Return what `attend` gives, by the fused kernel."""
    return scaled_dot_product_attention(query, key, value, attn_mask=attention[:, None, None, :])


def median_ms(function: Callable[..., Tensor], inputs: list[Tensor], mask: Tensor, repeats: int) -> float:
    """Return the median time in milliseconds of forward and backward, after a tenth of the runs to warm up."""
    times = []
    for run in range(repeats + max(1, repeats // 10)):
        start = time.perf_counter()
        function(*inputs, mask).sum().backward()
        if run >= max(1, repeats // 10):
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="plain against fused attention on the processor")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print("dtype\tpositions\tplain_ms\tfused_ms\tfused_over_plain")
    for dtype in (torch.bfloat16, torch.float32):
        for positions in (32, 128):
            shape = (options.batch, 6, positions, 32)
            inputs = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]
            lengths = torch.randint(positions // 2, positions + 1, (options.batch,))
            mask = torch.arange(positions)[None, :] < lengths[:, None]
            plain, kernel = (median_ms(f, inputs, mask, options.repeats) for f in (attend, fused))
            name = str(dtype).removeprefix("torch.")
            print(f"{name}\t{positions}\t{plain:.2f}\t{kernel:.2f}\t{kernel / plain:.2f}")


if __name__ == "__main__":
    main()
