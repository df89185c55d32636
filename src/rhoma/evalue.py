"""P-values of one comparison, and E-values that refer to the whole database, whatever part of it was scored.

**One number for a database.** HMMER's P-value of a score holds for one comparison of a model with a target of some
length. The database is counted in targets of at most ``UNIT`` nucleotides on both strands::

    Z = 2 * sum_i max(1, length_i / UNIT)          E = models * Z * P

with the sum over every sequence of the database (exact copies counted as often as they are there) and ``models`` the
number of tiles that a long query was cut into. Neither the query's length, nor the shortlist, nor the segments of the
index enter; the Z of several indexes is the sum of theirs. The P-value of a stretch in a longer region is brought to
the unit: such a region holds several targets, and its P-value is that of the best of them.

**Covariance models.** Bits of local Inside scores have an exponential tail too. Its slope and location are measured
once on models and random sequences (``benchmarks/cm_tails.py``), so that no model has to be calibrated by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Nucleotides of one comparison: about the length of a padded window.
UNIT = 500


def database_size(lengths: NDArray[np.integer], *, total_residues: int | None = None) -> float:
    """Returns Z, the number of comparisons that the whole database stands for.

    Args:
        lengths: (n,) lengths of the distinct sequences in nucleotides.
        total_residues: Nucleotides of the database with exact copies counted; default, no copies.

    Returns:
        At least 2 (one target, both strands).
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    distinct = float(lengths.sum())
    if distinct <= 0:
        return 2.0
    targets = float(np.maximum(1.0, lengths / UNIT).sum())
    # copies are spread like the sequences they copy, to a good approximation
    copies = 1.0 if total_residues is None else max(1.0, total_residues / distinct)
    return max(2.0, 2.0 * targets * copies)


def to_unit(log_pvalue: float, length: int) -> float:
    """Returns the P-value (its logarithm) in a comparison with ``UNIT`` nucleotides.

    Args:
        log_pvalue: Natural logarithm of the P-value in a region.
        length: Length of that region.
    """
    return log_pvalue - math.log(max(1.0, length / UNIT))


def evalue_of(log_pvalue: float, size: float) -> tuple[float, float]:
    """Returns (E-value, minus its decimal logarithm) of a P-value in a database of ``size`` comparisons.

    The logarithm stays exact where the E-value itself underflows to 0.
    """
    log_evalue = log_pvalue + math.log(size)
    return (math.exp(log_evalue) if log_evalue < 700 else math.inf), -log_evalue / math.log(10)


# P-value of 12 bits for a model of 75 nt, as random sequence shows; it falls with this power of the length. The slope
# is that from 12 to 22 bits (benchmarks/cm_tails.py, docs/decisions.md).
_PVALUE, _BITS, _LENGTH, _POWER = 1e-4, 12.0, 75.0, 2.7
_SLOPE = 0.42


def cm_log_pvalue(bits: float, length: int) -> float:
    """Returns the natural logarithm of the P-value of a CM's bit score in a comparison with ``UNIT`` nucleotides.

    Args:
        bits: Local Inside score.
        length: Length of the model.
    """
    return min(0.0, math.log(_PVALUE) - _POWER * math.log(length / _LENGTH) - _SLOPE * (bits - _BITS))
