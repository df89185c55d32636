"""RNAcentral releases from the EBI server, as a database to search.

A release is a directory of https://ftp.ebi.ac.uk/pub/databases/RNAcentral/releases, such as ``26.0``. Its
``sequences/rnacentral_active.fasta.gz`` has every sequence once that at least one member database holds.
``md5/md5.tsv.gz`` of a release is a table of the sequences' MD5 sums and not of the files'; checksums of files are in
none of the readme files of a release.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rhoma.download import Fetcher, place
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE_URL = "https://ftp.ebi.ac.uk/pub/databases/RNAcentral"
SEQUENCES = "rnacentral_active.fasta.gz"
_RELEASE = re.compile(r"(\d{1,3})(\.\d{1,2})?")


def download_rnacentral(
    release: str,
    out: Path,
    *,
    base_url: str = BASE_URL,
    retries: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Returns the FASTA file of an RNAcentral release that it puts into `out`, its sha256 beside it.

    ``out/checksums.json`` says what was served; a part of the file that is there is continued.

    Args:
        release: such as ``26`` or ``26.0``.
        out: directory to make or to complete.
        base_url: parent of ``releases``.
        retries: attempts.
        progress: told (bytes there, bytes in all).

    Raises:
        InputError: the release does not exist, cannot be reached, or stays truncated or damaged; the disk is full.
    """
    found = _RELEASE.fullmatch(release)
    if found is None:
        raise InputError(f"{release!r} is no RNAcentral release", remedy="give a number such as 26")
    version = f"{found[1]}{found[2] or '.0'}"
    root = f"{base_url.rstrip('/')}/releases/{version}"
    name = f"sequences/{SEQUENCES}"
    with Fetcher(root, out, release=f"RNAcentral {version}", attempts=retries) as fetcher:
        fetcher.get(name, progress)
    place(out, name)
    return out / SEQUENCES
