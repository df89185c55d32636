"""Public encoders, loaded by what a manifest says of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma.errors import InputError, ToolError
from rhoma.models.encoders.public import PUBLIC, PublicEncoder

if TYPE_CHECKING:
    from rhoma.manifest import EncoderInfo
    from rhoma.models.encoders.protocol import Encoder


_WEIGHTS = ("*.safetensors", "*.bin")


def find_spec(info: EncoderInfo) -> PublicEncoder:
    """Return the public encoder with the hub id of `info`.

    Raises:
        InputError: there is none.
    """
    for spec in PUBLIC.values():
        if spec.hub_id == info.hub_id:
            return spec
    raise InputError(f"no public encoder has the hub id {info.hub_id!r}", remedy=f"known: {', '.join(sorted(PUBLIC))}")


def load_encoder(info: EncoderInfo, model_dir: Path | str | None) -> Encoder:
    """Return the public encoder of `info`, from `model_dir` or else from the hub's local cache or the hub.

    Raises:
        InputError: an unknown encoder, or a directory without its files.
        ArtefactError: the weights lack parameters.
        ToolError: the library that loads it is not installed.
    """
    spec = find_spec(info)
    source = _source(spec, model_dir)
    try:
        if spec.kind == "multimolecule":
            from rhoma.models.encoders.multimolecule import MultiMoleculeEncoder

            return MultiMoleculeEncoder(spec, source)
        from rhoma.models.encoders.omnigenome import OmniGenomeEncoder

        return OmniGenomeEncoder(spec, source, structure=bool(info.config.get("structure")))
    except ImportError as error:
        raise ToolError(spec.kind, f"cannot be imported ({error})", remedy="pip install 'rhoma[hub]'") from error


def weights_sha256(info: EncoderInfo, model_dir: Path | str | None) -> str:
    """Return one sha256 over the weight files in `model_dir`, or of the hub id where there is no directory."""
    state = hashlib.sha256(str(info.hub_id).encode())
    if model_dir is not None:
        for pattern in _WEIGHTS:
            for path in sorted(Path(model_dir).glob(pattern)):
                with path.open("rb") as handle:
                    state.update(hashlib.file_digest(handle, "sha256").digest())
    return state.hexdigest()


def _source(spec: PublicEncoder, model_dir: Path | str | None) -> str:
    if model_dir is None:
        return spec.hub_id
    directory = Path(model_dir)
    if not (directory / "config.json").is_file():
        raise InputError(
            "has no config.json",
            path=directory,
            remedy=f"give the directory that holds a download of {spec.hub_id}",
        )
    if not any(path for pattern in _WEIGHTS for path in directory.glob(pattern)):
        raise InputError("has no weights (*.safetensors)", path=directory, remedy="download the model again")
    return str(directory)
