"""The encoders that are Rhoma's own, trained from scratch and stored whole in a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.models.encoders.compact import CompactConfig, CompactEncoder
from rhoma.models.encoders.words import WordsConfig, WordsEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping


def own_encoder(kind: str, sizes: Mapping[str, object]) -> WordsEncoder | CompactEncoder:
    """Return an untrained encoder of a kind in `OWN`.

    Args:
        kind: ``words`` or ``compact``.
        sizes: fields of `WordsConfig` or `CompactConfig`, where they are not the defaults.

    Raises:
        ValidationError: a size is unknown or out of range.
    """
    if kind == "words":
        return WordsEncoder(WordsConfig.model_validate(sizes))
    return CompactEncoder(CompactConfig.model_validate(sizes))
