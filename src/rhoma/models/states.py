"""What an encoder says of every nucleotide: states, one a letter, which alignments can be made by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rhoma.errors import ToolError
from rhoma.manifest import EncoderInfo, ModelManifest, read_manifest, verify_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.models.encoders.protocol import Encoder

# Sequences of a batch: states of thousands of filters are large.
_BATCH = 8


class NucleotideStates:
    """Gives the states of sequences.

    Args:
        encoder: In evaluation mode.
        name: Of the model.
    """

    def __init__(self, encoder: Encoder, name: str) -> None:
        self._encoder = encoder
        self.name = name

    def __call__(self, sequences: Sequence[str]) -> list[NDArray[np.float32]]:
        """Returns float32 (nucleotides, hidden size) for each sequence, in their order.

        Letters of sequences longer than the encoder takes have the states of the window in which they lie deepest.
        Where the states of an encoder are those of words that begin at a letter, it gets the mean over all words that
        hold it.

        Args:
            sequences: Upper-case RNA, at least one letter each.
        """
        longest = self._encoder.max_length
        step = max(1, longest // 2)
        windows = [
            (number, start)
            for number, text in enumerate(sequences)
            for start in range(0, max(1, len(text) - longest + step), step)
        ]
        made = self._windows([sequences[number][start : start + longest] for number, start in windows])
        found = [np.empty((len(text), self._encoder.hidden_size), dtype=np.float32) for text in sequences]
        for (number, start), states in zip(windows, made, strict=True):
            # the first quarter of a window that is not the first lies deeper in the one before
            first = longest // 4 if start else 0
            found[number][start + first : start + len(states)] = states[first:]
        return found

    def _windows(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        import torch

        from rhoma.models.encoders.words import WordsEncoder

        width = self._encoder.config.width if isinstance(self._encoder, WordsEncoder) else 1
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                batch = self._encoder.tokenize(texts[start : start + _BATCH])
                states = self._encoder.encode(batch).float().numpy()
                residues = batch.residues.numpy()
                found += [_spread(row[inside], width) for row, inside in zip(states, residues, strict=True)]
        return found


def _spread(states: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Returns for each letter the mean over the states of as many letters up to it."""
    if width == 1:
        return states
    total = np.concatenate([np.zeros((1, states.shape[1])), np.cumsum(states, axis=0, dtype=np.float64)])
    end = np.arange(1, len(total))
    return np.asarray((total[end] - total[np.maximum(end - width, 0)]) / width, dtype=np.float32)


def load_states(
    model: Path | str | None = None, *, model_dir: Path | str | None = None, threads: int | None = None
) -> NucleotideStates:
    """Returns the states of a bundle's encoder, or of a public one.

    Args:
        model: As for :func:`rhoma.models.embedder.load_embedder`; None for the shipped encoder.
        model_dir: Directory with the weights of a public encoder.
        threads: Processor threads; None leaves it to torch.

    Raises:
        ArtefactError: The bundle is damaged or newer than this version.
        InputError: No such bundle or encoder.
        ToolError: torch, or the library of the encoder, is not installed.
    """
    try:
        import torch
    except ImportError as error:
        remedy = "pip install 'rhoma[train]', or use another aligner"
        raise ToolError(
            "torch", f"cannot be imported ({error}): states of nucleotides need it", remedy=remedy
        ) from error
    from rhoma.models.embedder import bundle_of, is_public

    if threads is not None:
        torch.set_num_threads(threads)
    if is_public(model):
        from rhoma.models.encoders.public import PUBLIC
        from rhoma.models.encoders.registry import load_encoder

        spec = PUBLIC[str(model)]
        encoder: Any = load_encoder(EncoderInfo(kind=spec.kind, hub_id=spec.hub_id), model_dir)
        return NucleotideStates(encoder.eval(), str(model))
    from rhoma.models.bundle import load_network

    bundle = bundle_of(model)
    manifest = read_manifest(bundle, ModelManifest)
    verify_files(bundle, manifest)
    return NucleotideStates(load_network(bundle, manifest, model_dir=model_dir).encoder, manifest.name)
