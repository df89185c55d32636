"""The public encoders: what is known of each before any is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PublicEncoder:
    """A published RNA language model.

    Attributes:
        kind: the library that loads it.
        hub_id: its name on the Hugging Face hub.
        model: the class of the library, empty where the directory names its own.
        max_length: longest input in nucleotides, without special tokens.
        licence: of weights and of the code that runs them.
    """

    kind: Literal["multimolecule", "omnigenome"]
    hub_id: str
    model: str
    max_length: int
    licence: str


_AGPL = "AGPL-3.0-or-later"
# limits as the models' position tables set them; RiNALMo, ERNIE-RNA and UTR-LM: the length they were
# trained to
PUBLIC: dict[str, PublicEncoder] = {
    "rinalmo-giga": PublicEncoder("multimolecule", "multimolecule/rinalmo-giga", "RiNALMo", 1022, _AGPL),
    "rinalmo-mega": PublicEncoder("multimolecule", "multimolecule/rinalmo-mega", "RiNALMo", 1022, _AGPL),
    "rinalmo-micro": PublicEncoder("multimolecule", "multimolecule/rinalmo-micro", "RiNALMo", 1022, _AGPL),
    "rnafm": PublicEncoder("multimolecule", "multimolecule/rnafm", "RnaFm", 1022, _AGPL),
    "rnabert": PublicEncoder("multimolecule", "multimolecule/rnabert", "RnaBert", 438, _AGPL),
    "ernierna": PublicEncoder("multimolecule", "multimolecule/ernierna", "ErnieRna", 1022, _AGPL),
    "rnaernie": PublicEncoder("multimolecule", "multimolecule/rnaernie", "RnaErnie", 510, _AGPL),
    "splicebert": PublicEncoder("multimolecule", "multimolecule/splicebert", "SpliceBert", 1022, _AGPL),
    "utrlm": PublicEncoder("multimolecule", "multimolecule/utrlm-te_el", "UtrLm", 1022, _AGPL),
    "omnigenome-52m": PublicEncoder("omnigenome", "yangheng/OmniGenome-52M", "", 1022, "MIT"),
    "omnigenome-186m": PublicEncoder("omnigenome", "yangheng/OmniGenome-186M", "", 1022, "MIT"),
}
