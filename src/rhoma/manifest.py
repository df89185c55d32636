"""Versioned manifests of artefacts.

An artefact is a directory with a ``manifest.json`` that names every file with its size and sha256, and the
parents it was made from. The manifest is written last and by rename: where there is one, the artefact is
complete.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from rhoma.artifacts import MANIFEST, atomic_write, recover
from rhoma.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterable

# of a model bundle: the network as a graph for onnxruntime
GRAPH = "network.onnx"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class FileEntry(_Strict):
    """Size in bytes and sha256 of a file of an artefact."""

    sha256: Sha256
    size: Count


class ModelReference(_Strict):
    """The model bundle that vectors were made with: its name and the sha256 of its manifest."""

    name: str
    sha256: Sha256


class Manifest(_Strict):
    """What all manifests have in common.

    Attributes:
        kind: which artefact this is.
        schema_version: version of the layout; a newer one than ``SCHEMA_VERSION`` is refused.
        files: every file of the artefact but the manifest, by its path with forward slashes.
    """

    SCHEMA_VERSION: ClassVar[int] = 1
    kind: str
    schema_version: Positive = 1
    files: dict[str, FileEntry] = {}


class EncoderInfo(_Strict):
    """Where the encoder of a model bundle comes from.

    Attributes:
        kind: ``compact`` or ``multimolecule``.
        hub_id: name on the hub, for a public encoder.
        revision: revision on the hub.
        sha256: of the encoder's weights.
        config: what builds the encoder.
    """

    kind: str
    hub_id: str | None = None
    revision: str | None = None
    sha256: Sha256 | None = None
    config: dict[str, JsonValue] = {}


class ModelManifest(Manifest):
    """Manifest of a model bundle: an encoder, a head and how they were trained."""

    kind: Literal["model"] = "model"
    name: str
    encoder: EncoderInfo
    head: dict[str, JsonValue] = {}
    dimension: Positive
    window: Positive
    stride: Positive
    training: dict[str, JsonValue] = {}
    metrics: dict[str, float] = {}
    licence: str = "MIT"


class StoreManifest(Manifest):
    """Manifest of an embedding store: the window vectors of some sequences."""

    kind: Literal["store"] = "store"
    model: ModelReference
    dimension: Positive
    window: Positive
    stride: Positive
    strands: Literal["+", "both"]
    n_sequences: Count
    n_windows: Count
    n_residues: Count


class SegmentInfo(_Strict):
    """A segment of an index.

    Attributes:
        id: name of its directory.
        kind: its vector index.
        n_sequences: distinct sequences, deleted ones included.
        n_represented: near copies among these, which have no windows.
        n_windows: windows of the others.
        n_names: names that came with the segment, deleted ones included.
        deleted: path of the numbers of deleted names, if there are any.
    """

    id: str
    kind: Literal["flat", "pq", "hnsw", "ivfpq"]
    n_sequences: Count
    n_represented: Count
    n_windows: Count
    n_names: Count
    deleted: str | None = None


class CodebookInfo(_Strict):
    """What the approximate indexes of all segments share: the kind of index, and its directory."""

    kind: Literal["pq", "hnsw", "ivfpq"]
    path: str


class Representation(_Strict):
    """How near copies were found; exact copies are always one sequence.

    Attributes:
        method: ``mmseqs``, or ``none`` where no near copies were looked for.
        identity: least share of equal letters in the alignment with the representative.
        coverage: least share of either sequence in it.
        unaligned: most letters of a near copy outside it.
    """

    method: Literal["mmseqs", "none"]
    identity: float | None = None
    coverage: float | None = None
    unaligned: Count | None = None


class IndexManifest(Manifest):
    """Manifest of an index bundle.

    Attributes:
        index_kind: the vector index that was asked for; ``auto`` chooses by the number of windows.
        codec: how the vectors are stored.
        representation: which sequences stand for others.
        generation: how often the index has been changed since it was built.
        n_names: live names. n_sequences: distinct live sequences. n_represented: near copies among these.
        n_windows: windows, deleted ones included.
        n_residues: nucleotides of all live names, copies counted each.
        codebook: what the approximate indexes of all segments share, where there are any.
        mmseqs: path of the MMseqs2 database, if there is one.
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    kind: Literal["index"] = "index"
    schema_version: Positive = 2
    model: ModelReference
    metric: Literal["cosine"] = "cosine"
    codec: Literal["int4"] = "int4"
    index_kind: Literal["auto", "flat", "pq", "hnsw", "ivfpq"] = "auto"
    representation: Representation = Representation(method="none")
    dimension: Positive
    window: Positive
    stride: Positive
    generation: Count = 0
    n_names: Count
    n_sequences: Count
    n_represented: Count = 0
    n_windows: Count
    n_residues: Count
    segments: tuple[SegmentInfo, ...]
    codebook: CodebookInfo | None = None
    mmseqs: str | None = None


M = TypeVar("M", bound=Manifest)


def sha256_file(path: Path | str) -> str:
    """Returns the sha256 of a file in hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_entries(directory: Path, names: Iterable[str] | None = None) -> dict[str, FileEntry]:
    """Returns size and sha256 of files of a directory, by name, sorted; by default all but the manifest."""
    if names is None:
        found = (path for path in directory.rglob("*") if path.is_file())
        names = (path.relative_to(directory).as_posix() for path in found)
    chosen = sorted(name for name in names if name != MANIFEST)
    return {
        name: FileEntry(sha256=sha256_file(directory / name), size=(directory / name).stat().st_size) for name in chosen
    }


def read_manifest(directory: Path | str, cls: type[M]) -> M:
    """Returns the manifest of an artefact.

    Raises:
        ArtefactError: there is none, it is of a newer schema, of another kind of artefact, or malformed.
    """
    directory = Path(directory)
    path = directory / MANIFEST
    kind = cls.model_fields["kind"].default
    recover(directory)
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        problem = f"has no {MANIFEST}" if directory.is_dir() else "no such directory"
        remedy = f"give the directory of a complete {kind}; one without a manifest was not written to its end"
        raise ArtefactError(problem, path=directory, remedy=remedy) from None
    except OSError as error:
        raise ArtefactError(f"cannot be read ({error.strerror})", path=path) from None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ArtefactError(f"is damaged: no JSON ({error})", path=path, remedy="make it again") from None
    if not isinstance(content, dict):
        raise ArtefactError("is damaged: no JSON object", path=path, remedy="make it again")
    # The version comes first: a newer layout may differ in everything else.
    version = content.get("schema_version")
    if isinstance(version, int) and version > cls.SCHEMA_VERSION:
        raise ArtefactError(
            f"schema version {version} is newer than {cls.SCHEMA_VERSION}, the newest this rhoma knows",
            path=path,
            remedy=f"update rhoma, or make the {kind} again with this version",
        )
    if isinstance(version, int) and version < cls.SCHEMA_VERSION and content.get("kind") == kind:
        raise ArtefactError(
            f"schema version {version} is older than {cls.SCHEMA_VERSION}, which this rhoma reads",
            path=path,
            remedy=f"make the {kind} again with this version",
        )
    if content.get("kind") != kind:
        raise ArtefactError(
            f"is a {content.get('kind', 'manifest of nothing known')}, not a {kind}",
            path=path,
            remedy=f"give the directory of a {kind}",
        )
    try:
        return cls.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "content"
        raise ArtefactError(f"is damaged: {place}: {first['msg']}", path=path, remedy="make it again") from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes the manifest of an artefact by rename, after everything else of it."""
    with atomic_write(directory / MANIFEST) as path:
        path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def verify_files(directory: Path, manifest: Manifest, *, sizes_only: bool = False) -> None:
    """Checks every file of an artefact: all sizes first, then the checksums.

    Raises:
        ArtefactError: a file is missing, truncated (or longer than it was) or does not match its checksum.
    """
    remedy = f"copy the {manifest.kind} again or make it again"
    for name, entry in manifest.files.items():
        path = directory / name
        try:
            size = path.stat().st_size
        except OSError:
            raise ArtefactError("is missing", path=path, remedy=remedy) from None
        if size != entry.size:
            state = "truncated" if size < entry.size else "damaged"
            raise ArtefactError(f"is {state}: {size} bytes, not {entry.size}", path=path, remedy=remedy)
    if sizes_only:
        return
    for name, entry in manifest.files.items():
        if sha256_file(directory / name) != entry.sha256:
            raise ArtefactError("does not match its checksum (corrupted)", path=directory / name, remedy=remedy)


def check_model(manifest: StoreManifest | IndexManifest, path: Path, sha256: str, name: str | None = None) -> None:
    """Checks that an artefact was made with the model of this sha256.

    Raises:
        ArtefactError: it was made with another one; both are named.
    """
    if manifest.model.sha256 != sha256:
        other = f"{name or 'the model'} (sha256 {sha256[:12]}...)"
        raise ArtefactError(
            f"the {manifest.kind} was made with model {manifest.model.name} "
            f"(sha256 {manifest.model.sha256[:12]}...), not with {other}",
            path=path,
            remedy=f"use the model it was made with, or make the {manifest.kind} again",
        )
