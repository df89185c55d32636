"""Settings of a whole training run: encoder, head, loop; preset, file and command line joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rhoma.artifacts import MANIFEST
from rhoma.errors import InputError
from rhoma.manifest import EncoderInfo, sha256_file
from rhoma.models.encoders import OWN
from rhoma.models.encoders.public import PUBLIC
from rhoma.train.config import TrainConfig
from rhoma.train.presets import PRESETS
from rhoma.train.schema import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

WORDS = "words"
# the map has a few large weights and many small ones, and is begun close to where it ends
_MAP_RATE = 0.01
# the settings beside a model, or beside a training that runs
SETTINGS = "config.yaml"


class RunConfig(BaseModel):
    """What decides a run, apart from data and split; the resolved settings are ``config.yaml`` of a bundle.

    Attributes:
        name: of the model; rhoma-<encoder> where it is not given.
        encoder: ``words`` or ``compact``, which are trained from scratch, or the name of a public encoder.
        sizes: of an encoder that is trained from scratch, where they are not the defaults.
        head: settings of the head, where they are not the defaults.
        lora: rank of LoRA adapters on a public encoder; 0 leaves the encoder frozen.
        gradient_checkpointing: less memory for more time, with adapters.
        cache: keep the states of a frozen encoder on disk.
        whitened: axes kept of the whitened vector; 0 leaves the head's vector as it is.
        power: of the whitening: 1 levels all axes, 0 leaves their variances.
        map_rate: the loss is that of vectors whose linear map begins as the whitening and is trained too, at this share
            of the learning rate; the whitening is fitted again at the end. 0: the loss is that of the head's vectors,
            and whitening is the last step alone; null: 0.01 for ``words``, else 0.
        cm_samples: training families with fewer members are filled up to so many by samples of their covariance models
            (Infernal); 0 for none.
        start: sha256 of the manifest of the bundle whose weights the training begins with; empty for none.
        window: length of windows in an index, in nucleotides; null: of the views, ``train.augment.window``.
        stride: distance of windows in an index.
        min_length: shortest sequence that is used, in nucleotides.
        max_length: longest sequence that is used.
        train: settings of the loop; ``train.augment.window`` is the length of views, and of what the whitening is
            fitted to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "rhoma-words"
    encoder: str = WORDS
    sizes: dict[str, Any] = {}
    head: dict[str, Any] = {}
    whitened: int = Field(default=1024, ge=0)
    power: float = Field(default=0.7, ge=0, le=1)
    map_rate: float | None = Field(default=None, ge=0)
    lora: int = Field(default=0, ge=0)
    gradient_checkpointing: bool = False
    cache: bool = False
    cm_samples: int = Field(default=0, ge=0)
    start: str = ""
    window: int | None = Field(default=None, ge=16)
    stride: int = Field(default=64, ge=1)
    min_length: int = Field(default=25, ge=1)
    max_length: int = Field(default=1500, ge=1)
    train: TrainConfig = TrainConfig()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        return {"name": f"rhoma-{values.get('encoder', WORDS)}"} | values if isinstance(values, dict) else values

    def head_settings(self) -> dict[str, Any]:
        """Return the settings of the head: by default norms of words, and a Transformer over other states."""
        kind = {"kind": "norm"} if self.encoder == WORDS else {}
        return kind | self.head | {"whitened": self.whitened}

    def index_window(self) -> int:
        """Return the length of windows in an index."""
        return self.window or self.train.augment.window

    def rate_of_map(self) -> float:
        """Return at which share of the learning rate the whitening's map is trained; 0 where the loss sees none."""
        if not self.whitened:
            return 0.0
        if self.map_rate is None:
            return _MAP_RATE if self.encoder == WORDS else 0.0
        return self.map_rate

    def encoder_info(self) -> EncoderInfo:
        """Return the encoder as a bundle's manifest names it, without the hash of its weights.

        Raises:
            InputError: no encoder has this name, or the settings do not fit it.
        """
        if self.encoder in OWN:
            if self.lora or self.cache:
                raise InputError(
                    f"the encoder {self.encoder} is trained as a whole",
                    remedy="leave out lora and cache, or name another",
                )
            return EncoderInfo(kind=self.encoder, config=self.sizes)
        if self.encoder not in PUBLIC:
            raise InputError(
                f"there is no encoder {self.encoder!r}",
                remedy=f"known: {', '.join([*OWN, *sorted(PUBLIC)])}",
            )
        spec = PUBLIC[self.encoder]
        longest = max(self.index_window(), self.train.augment.window)
        if longest > spec.max_length:
            raise InputError(
                f"windows of {longest} nt are longer than {self.encoder} takes",
                remedy=f"use at most {spec.max_length}",
            )
        return EncoderInfo(kind=spec.kind, hub_id=spec.hub_id, config={"adapted": True} if self.lora else {})


def resolve(
    *, preset: str | None = None, file: Path | None = None, given: Mapping[str, Any] | None = None
) -> RunConfig:
    """Return the settings: defaults, then the preset, then the file, then what the command line gives.

    Args:
        preset: name in `PRESETS`.
        file: YAML with fields of `RunConfig`, nested as these are.
        given: nested like the file; entries that are None do not count.

    Raises:
        InputError: an unknown preset, a file that cannot be read, or a setting that is unknown or out of range.
    """
    if preset is not None and preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}", remedy=f"known: {', '.join(sorted(PRESETS))}")
    merged = _merge(PRESETS[preset] if preset else {}, _read(file) if file else {})
    config = _checked(merged, file)
    return _checked(_merge(merged, given), None) if given else config


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return settings given as ``train.steps=200``, nested as a file has them; values are YAML, later ones win.

    Raises:
        InputError: a text is no assignment, or its value no YAML.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not all(name.split(".")):
            raise InputError(f"{text!r} sets nothing", remedy="give KEY=VALUE, such as train.steps=200")
        try:
            nested = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"the value of {name} cannot be read as YAML: {value!r}") from error
        for step in reversed(name.split(".")):
            nested = {step: nested}
        found = _merge(found, nested)
    return found


def start_of(bundle: Path | None) -> str | None:
    """Return what settings name a bundle by that a training begins with, its manifest's sha256; None for none.

    Raises:
        InputError: it is no bundle.
    """
    if bundle is None:
        return None
    if not (bundle / MANIFEST).is_file():
        raise InputError("is no model bundle", path=bundle, remedy=f"give a directory with {MANIFEST}")
    return sha256_file(bundle / MANIFEST)


def _checked(values: Mapping[str, Any], file: Path | None) -> RunConfig:
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise refusal(error, RunConfig, path=file) from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        elif isinstance(value, dict):
            merged[key] = _merge({}, value)
        elif value is not None:
            merged[key] = value
    return merged


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot be read as YAML ({error})", path=file) from error
    if not isinstance(content, dict):
        raise InputError("is no YAML mapping of settings", path=file)
    return content
