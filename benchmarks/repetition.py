"""How repetitive the members of Rfam are: quantiles of ``rhoma.sequences.repetition``, and who is above the limit.

python benchmarks/repetition.py --rfam DIR --members 20000
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from rhoma.rfam import read_members
from rhoma.search.covariance import MOST_REPETITION
from rhoma.sequences import repetition

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99, 0.995, 0.999)


def main() -> None:
    """Print the quantiles, the share above the limit and its families."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--members", type=int, default=20_000)
    arguments = parser.parse_args()
    members = read_members(arguments.rfam)
    chosen = np.random.default_rng(0).permutation(len(members))[: arguments.members].tolist()
    values = np.array([repetition(members[place][2]) for place in chosen])
    for quantile, value in zip(QUANTILES, np.quantile(values, QUANTILES).tolist(), strict=True):
        print(f"quantile {quantile:g}\t{value:.2f}")
    above = [place for place, value in zip(chosen, values.tolist(), strict=True) if value > MOST_REPETITION]
    print(f"above {MOST_REPETITION:g}\t{len(above) / len(values):.5f}")
    for family, count in Counter(members[place][1] for place in above).most_common():
        print(f"{family}\t{count}")


if __name__ == "__main__":
    main()
