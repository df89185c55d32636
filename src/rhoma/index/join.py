"""Joining the segments of all shards to one index, by links and a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rhoma.artifacts import MANIFEST, artefact_directory, link
from rhoma.errors import ArtefactError
from rhoma.index.build import CODEBOOK, MMSEQS
from rhoma.index.bundle import Index
from rhoma.index.shards import CodebookManifest, SegmentManifest, ShardsManifest
from rhoma.io.skipped import SKIPPED_RECORDS
from rhoma.manifest import CodebookInfo, IndexManifest, read_manifest, sha256_file, verify_files, write_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence


def join(
    shards: Path | str, segments: Sequence[Path | str], out: Path | str, *, codebook: Path | str | None = None
) -> Index:
    """Returns the index it has made of finished segments, which are linked and not copied.

    Args:
        shards: the directory that `split` has made.
        segments: the segments of all its shards, in any order.
        out: the directory to make.
        codebook: the codebook they were made with.

    Raises:
        ArtefactError: something is damaged, or the segments do not belong together, or are not all there.
    """
    shards = Path(shards)
    plan = read_manifest(shards, ShardsManifest)
    found = _segments(plan, [Path(path) for path in segments], codebook)
    first = found[plan.shards[0]][1]
    with artefact_directory(out) as work:
        files = {}
        for name, (path, segment) in found.items():
            directory = work / "segments" / name
            directory.mkdir(parents=True)
            for file, entry in segment.files.items():
                link(path / file, directory / file)
                files[f"segments/{name}/{file}"] = entry
        book = None
        if codebook is not None:
            content = read_manifest(codebook, CodebookManifest)
            (work / CODEBOOK).mkdir()
            for file, entry in content.files.items():
                link(Path(codebook) / file, work / CODEBOOK / file)
                files[f"{CODEBOOK}/{file}"] = entry
            book = CodebookInfo(kind=content.for_kind, path=CODEBOOK)
        for file, entry in plan.files.items():
            if file.startswith(f"{MMSEQS}/"):
                (work / file).parent.mkdir(exist_ok=True)
                link(shards / file, work / file)
                files[file] = entry
        link(shards / SKIPPED_RECORDS, work / SKIPPED_RECORDS)
        manifest = IndexManifest(
            model=first.model,
            index_kind=plan.index_kind,
            representation=plan.representation,
            dimension=first.dimension,
            window=plan.window,
            stride=plan.stride,
            n_names=plan.n_names,
            n_sequences=plan.n_sequences,
            n_represented=plan.n_represented,
            n_windows=plan.n_windows,
            n_residues=plan.n_residues,
            segments=tuple(segment.info for _, segment in found.values()),
            codebook=book,
            mmseqs=plan.mmseqs,
            files={name: files[name] for name in sorted(files)},
        )
        write_manifest(work, manifest)
    return Index.open(out)


def _segments(
    plan: ShardsManifest, paths: Sequence[Path], codebook: Path | str | None
) -> dict[str, tuple[Path, SegmentManifest]]:
    """Returns the segments of all shards by name, in order, after checking that they belong together.

    Raises:
        ArtefactError: one is damaged, missing, there twice, or made with another model or codebook.
    """
    fingerprint = None if codebook is None else sha256_file(Path(codebook) / MANIFEST)
    found: dict[str, tuple[Path, SegmentManifest]] = {}
    for path in paths:
        segment = read_manifest(path, SegmentManifest)
        verify_files(path, segment, sizes_only=True)
        name = segment.info.id
        if name not in plan.shards or name in found:
            problem = "is there twice" if name in found else "belongs to other shards"
            raise ArtefactError(f"segment {name} {problem}", path=path, remedy="give one segment of each shard")
        if segment.codebook != fingerprint or (plan.chosen != "flat") != (fingerprint is not None):
            raise ArtefactError(
                "was made with another codebook", path=path, remedy="make all segments with one codebook, and give it"
            )
        other = next(iter(found.values()))[1] if found else segment
        if (segment.model, segment.dimension) != (other.model, other.dimension):
            raise ArtefactError(
                f"was made with model {segment.model.name}, others with {other.model.name}",
                path=path,
                remedy="embed all shards with one model",
            )
        if (segment.window, segment.stride) != (plan.window, plan.stride):
            raise ArtefactError(
                f"has windows of {segment.window} every {segment.stride} nt, the shards were split for "
                f"{plan.window} every {plan.stride}",
                path=path,
                remedy="split the database for the model that embeds it",
            )
        found[name] = (path, segment)
    missing = [name for name in plan.shards if name not in found]
    if missing:
        raise ArtefactError(
            f"lacks the segments of {len(missing)} shards, the first {missing[0]}",
            path=paths[0] if paths else ".",
            remedy="make them, and give all",
        )
    return {name: found[name] for name in plan.shards}
