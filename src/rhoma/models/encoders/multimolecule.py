"""Public RNA language models through multimolecule (AGPL-3.0), an optional extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import multimolecule
import torch
from torch import Tensor, nn

from rhoma.errors import ArtefactError, InputError
from rhoma.models.encoders.protocol import TokenBatch
from rhoma.models.encoders.tokens import lookup_table, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.models.encoders.public import PublicEncoder


class MultiMoleculeEncoder(nn.Module):
    """A model of multimolecule, without pooler, with fused attention where the model has it."""

    def __init__(self, spec: PublicEncoder, source: str) -> None:
        super().__init__()
        self.kind: str = spec.kind
        self.max_length = spec.max_length
        model = getattr(multimolecule, f"{spec.model}Model")
        try:
            self.model, info = model.from_pretrained(
                source, add_pooling_layer=False, attn_implementation="sdpa", output_loading_info=True
            )
        except OSError as error:
            raise InputError(
                f"{spec.hub_id} cannot be loaded from {source}: {str(error).splitlines()[0]}",
                remedy="without internet, download the model elsewhere and give its directory (--model_dir)",
            ) from error
        if info["missing_keys"]:
            raise ArtefactError(
                f"the weights lack {len(info['missing_keys'])} parameters of {spec.model}, such as "
                f"{min(info['missing_keys'])}",
                path=source,
                remedy=f"download {spec.hub_id} again",
            )
        self.hidden_size = int(self.model.config.hidden_size)
        vocabulary = multimolecule.RnaTokenizer().get_vocab()
        self._special = {name: vocabulary[f"<{name}>"] for name in ("pad", "cls", "eos", "unk")}
        letters = {letter: token for letter, token in vocabulary.items() if len(letter) == 1}
        self._table = lookup_table(letters | {"T": letters["U"]}, unknown=self._special["unk"])

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the tokens, cls and eos around each sequence, as multimolecule's tokenizer gives them."""
        ids, attention, residues = tokenize(
            sequences,
            self._table,
            max_length=self.max_length,
            pad=self._special["pad"],
            first=self._special["cls"],
            last=self._special["eos"],
        )
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(attention), torch.from_numpy(residues))

    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the last hidden states, (b, t, hidden_size)."""
        states: Tensor = self.model(input_ids=batch.ids, attention_mask=batch.attention.long()).last_hidden_state
        return states
