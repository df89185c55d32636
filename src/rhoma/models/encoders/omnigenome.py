"""OmniGenome from a local Hugging Face directory, with its optional structure context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from rhoma.errors import ArtefactError, InputError
from rhoma.models.encoders.protocol import TokenBatch
from rhoma.models.encoders.tokens import lookup_table, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.models.encoders.public import PublicEncoder


class OmniGenomeEncoder(nn.Module):
    """OmniGenome's encoder; with `structure` each input is `cls nucleotides eos dot-bracket eos`.

    The model's own code in the directory is run (``trust_remote_code``): give only a directory you trust.
    """

    def __init__(self, spec: PublicEncoder, source: str, *, structure: bool = False) -> None:
        super().__init__()
        self.kind: str = spec.kind
        self.structure = structure
        # both halves have to fit the positions that the model was trained on
        self.max_length = spec.max_length // 2 - 1 if structure else spec.max_length
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=True)
            self.model, info = AutoModel.from_pretrained(
                source, trust_remote_code=True, add_pooling_layer=False, output_loading_info=True
            )
        except OSError as error:
            raise InputError(
                f"{spec.hub_id} cannot be loaded from {source}: {str(error).splitlines()[0]}",
                remedy="download the model elsewhere and give its directory (--model_dir)",
            ) from error
        if info["missing_keys"]:
            raise ArtefactError(
                f"the weights lack {len(info['missing_keys'])} parameters, such as {min(info['missing_keys'])}",
                path=source,
                remedy=f"download {spec.hub_id} again",
            )
        self.hidden_size = int(self.model.config.hidden_size)
        vocabulary = tokenizer.get_vocab()
        letters = {letter: token for letter, token in vocabulary.items() if len(letter) == 1}
        for one, other in (("U", "T"), ("T", "U")):
            letters.setdefault(one, letters.get(other, tokenizer.unk_token_id))
        absent = [mark for mark in "().ACGU" if mark not in letters and (structure or mark.isalpha())]
        if absent:
            raise ArtefactError(f"the vocabulary lacks {' '.join(absent)}", path=source)
        self._pad, self._cls, self._eos = (
            tokenizer.pad_token_id,
            tokenizer.cls_token_id,
            tokenizer.eos_token_id,
        )
        self._table = lookup_table(letters, unknown=tokenizer.unk_token_id)

    def tokenize(self, sequences: Sequence[str]) -> TokenBatch:
        """Return the tokens; residues are the nucleotides only, never the marks of the structure."""
        ids, attention, residues = tokenize(
            sequences,
            self._table,
            max_length=self.max_length,
            pad=self._pad,
            first=self._cls,
            last=self._eos,
        )
        if self.structure:
            import RNA

            rows = []
            for sequence, row, present in zip(sequences, ids, attention, strict=True):
                marks = self._table[np.frombuffer(RNA.fold(sequence)[0].encode(), dtype=np.uint8)]
                rows.append(np.concatenate([row[present], marks, [self._eos]]))
            width = max(map(len, rows))
            ids = np.full((len(rows), width), self._pad, dtype=np.int64)
            attention = np.zeros((len(rows), width), dtype=bool)
            for number, row in enumerate(rows):
                ids[number, : len(row)], attention[number, : len(row)] = row, True
            residues = np.pad(residues, ((0, 0), (0, width - residues.shape[1])))
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(attention), torch.from_numpy(residues))

    def encode(self, batch: TokenBatch) -> Tensor:
        """Return the last hidden states, (b, t, hidden_size)."""
        states: Tensor = self.model(input_ids=batch.ids, attention_mask=batch.attention.long()).last_hidden_state
        return states
