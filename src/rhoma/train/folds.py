"""Pairing probabilities that a training has made, kept on disk: folding takes longer than the network."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import ArtefactError
from rhoma.models.pairing import CHANNELS, pair_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

MOST_BYTES = 4 << 30
_DIGEST = 16
# how many an SQL statement may ask for, and how long one process waits for another
_ASKED = 500
_PATIENCE = 120.0
_TABLE = "CREATE TABLE IF NOT EXISTS folds (digest BLOB PRIMARY KEY, pairs BLOB NOT NULL) WITHOUT ROWID"


class Folds:
    """A file of pairing probabilities in half precision, which the processes of a training share.

    Written in transactions: what a killed process had not finished is not there. A fold is the same whether it is made
    or read, so a training that is stopped and resumed sees what an undisturbed one sees.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        """Open or make the file.

        Args:
            path: of the file.
            most_bytes: a file as large as that takes no more folds; what it lacks is made each time.

        Raises:
            ArtefactError: the file is damaged.
        """
        import RNA

        self.path = path
        self.most_bytes = most_bytes
        self._full = False
        # another version folds by other energies
        self._salt = f"ViennaRNA {RNA.__version__} ".encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = sqlite3.connect(path, timeout=_PATIENCE)
            with self._file:
                self._file.execute(_TABLE)
        except sqlite3.Error as error:
            raise self._damage(error) from error

    def __call__(self, sequences: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return what `rhoma.models.pairing.fold` returns, (n, 2) for each sequence, to half precision.

        Raises:
            ArtefactError: the file is damaged.
        """
        keys = [hashlib.blake2b(self._salt + s.encode("ascii"), digest_size=_DIGEST).digest() for s in sequences]
        try:
            known = self._read(set(keys))
            made = {
                key: pair_probabilities(sequence).astype(np.float16).tobytes()
                for key, sequence in dict(zip(keys, sequences, strict=True)).items()
                if key not in known
            }
            self._write(made)
        except sqlite3.Error as error:
            raise self._damage(error) from error
        known |= made
        return [np.frombuffer(known[key], dtype=np.float16).reshape(-1, CHANNELS).astype(np.float32) for key in keys]

    def _read(self, keys: set[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        ordered = sorted(keys)
        for start in range(0, len(ordered), _ASKED):
            part = ordered[start : start + _ASKED]
            marks = ",".join("?" * len(part))
            found.update(self._file.execute(f"SELECT digest, pairs FROM folds WHERE digest IN ({marks})", part))
        return found

    def _write(self, made: dict[bytes, bytes]) -> None:
        if not made or self._full:
            return
        pages, size = (self._file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if pages * size >= self.most_bytes:
            self._full = True
            logger.warning("%s: holds %d bytes and takes no more folds", self.path, pages * size)
            return
        with self._file:
            # another process may have made the same ones meanwhile
            self._file.executemany("INSERT OR IGNORE INTO folds VALUES (?, ?)", sorted(made.items()))

    def _damage(self, error: sqlite3.Error) -> ArtefactError:
        return ArtefactError(f"the kept folds cannot be used ({error})", path=self.path, remedy="delete the file")
