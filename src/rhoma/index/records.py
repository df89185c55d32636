"""The records of a database that is to be indexed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rhoma.io.fasta import read_database

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.io.fasta import Skipped
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)


def load_database(fasta: Path, *, strict: bool) -> tuple[list[Record], list[Skipped]]:
    """Returns the records of a database and those left out, and logs the first of these and their number.

    Args:
        fasta: The sequences (plain, gzip or bgzip).
        strict: Refuse the database where a record cannot be used.

    Raises:
        InputError: The file cannot be read, holds no usable record or, with ``strict``, one that cannot be used.
    """
    records, skipped = read_database(fasta, strict=strict)
    for one in skipped[:10]:
        logger.warning("skipped %s (line %d): %s", one.id or "a record", one.line, one.reason)
    if len(skipped) > 10:
        logger.warning("skipped %d records of %s in all", len(skipped), fasta)
    return records, skipped
