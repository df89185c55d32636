"""The model under test, as the commands name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.models.embedder import Embedder
    from rhoma.models.runtimes import Device


@dataclass(frozen=True, slots=True)
class Model:
    """What turns windows into vectors.

    Attributes:
        name: directory of a bundle, or the name of a public encoder; None is the shipped bundle.
        weights: directory with the weights of a public encoder, alone or under a bundle.
    """

    name: str | None = None
    weights: Path | None = None

    def load(self, *, device: Device = "cpu", threads: int = 1) -> Embedder:
        """Returns the embedder.

        Raises:
            RhomaError: the bundle, the weights or the device cannot be used.
        """
        from rhoma.models.embedder import load_embedder

        return load_embedder(self.name, device=device, threads=threads, model_dir=self.weights)


SHIPPED = Model()
