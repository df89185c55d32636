"""Building a benchmark: queries, databases with and without flanks, decoys and labels."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment
from rhoma.errors import InputError
from rhoma.evaluate.benchmark import DECOYS, FLANKED, OWN, PLAIN, SCHEMA, QueryInfo, write_queries
from rhoma.evaluate.similarity import MIN_BITS, deduplicate, similarity_between
from rhoma.evaluate.splits import SIZE_CLASSES, LeakError, size_class
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.hits import read_labels
from rhoma.io.stockholm import format_stockholm
from rhoma.manifest import sha256_file
from rhoma.rfam import read_clans, read_families, read_seed, read_sequences
from rhoma.sequences import Record, reverse_complement
from rhoma.shuffle import dinucleotide_shuffle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rhoma.evaluate.presets import DatasetConfig
    from rhoma.evaluate.splits import SplitRow
    from rhoma.rfam import Seed

_MOST_AMBIGUOUS = 0.05
_FRAGMENT = 0.6


def build_dataset(
    rfam: Path, split: Path, rows: Sequence[SplitRow], config: DatasetConfig, out: Path, *, threads: int = 1
) -> dict[str, object]:
    """Returns the settings and counts it also writes as ``dataset.json``, after all other files of ``out``.

    Args:
        rfam: directory of the Rfam files.
        split: the split file, for its sha256.
        rows: its rows.
        config: sizes and seed.
        out: a directory; an earlier benchmark there is replaced.
        threads: for MMseqs2.

    Raises:
        InputError: a file is missing, or no test family can be queried.
        LeakError: a test family is related to a family of the training or validation split.
        ToolError: MMseqs2 is missing or failed.
    """
    sequences, clans = read_sequences(rfam), read_clans(rfam)
    seeds = {seed.accession: seed for seed in read_seed(rfam)}
    split_of = {row.family: row.split for row in rows}
    rng = np.random.default_rng(config.seed)
    candidates = [f for f in sequences if split_of.get(f) == "test" and len(sequences[f]) > 1]
    distinct = deduplicate({f: sequences[f] for f in candidates}, identity=config.identity, threads=threads)
    chosen = _choose(distinct, {f: len(sequences[f]) for f in candidates}, config, rng)
    if not chosen:
        raise InputError("no test family has two different sequences", path=rfam)
    held_in = {f: m for f, m in sequences.items() if split_of.get(f, "train") != "test"}
    _check_leaks({f: distinct[f] for f in chosen}, held_in, clans, threads)

    table = {family.accession: family for family in read_families(rfam)}
    _fresh(out)
    queries: list[Record] = []
    infos: list[QueryInfo] = []
    members: list[tuple[str, str, str]] = []
    original: list[tuple[str, str]] = []
    for family in chosen:
        names = _members(distinct[family], config, rng)
        for number, name in enumerate(names):
            own = f"{family}.{number}"
            original.append((own, name))
            members.append((own, family, distinct[family][name]))
        query = Record(f"{family}.0", "", distinct[family][names[0]])
        queries.append(query)
        infos.append(
            QueryInfo(
                query.id,
                family,
                clans.get(family, ""),
                size_class(len(sequences[family])),
                table[family].type.strip("; ") or "unknown",
                identity_class(seeds.get(family)),
                len(query.sequence),
            )
        )
    negatives = _negatives(held_in, split_of, config, rng)
    shuffled = [
        Record(f"decoy.{number}.{copy}", "", dinucleotide_shuffle(sequence, rng))
        for number, (_, _, sequence) in enumerate(members)
        for copy in range(config.decoys)
    ]
    write_fasta(out / "queries.fasta", queries)
    write_queries(out / "queries.tsv", infos)
    real = [*members, *negatives]
    _write_tsv(out / "labels.tsv", ("id", "family", "clan"), [(n, f, clans.get(f, "")) for n, f, _ in real])
    labelled = {family for _, family, _ in real}
    related = [(row.family, row.component) for row in rows if row.family in labelled]
    _write_tsv(out / "components.tsv", ("family", "component"), related)
    _write_tsv(out / "original_ids.tsv", ("id", "rfam_id"), original)
    _write_database(out / PLAIN, [Record(name, "", sequence) for name, _, sequence in real])
    flanked, places = _flank(real, config, rng)
    _write_database(out / FLANKED, [*flanked, *shuffled])
    _write_tsv(out / FLANKED / "places.tsv", ("id", "start", "end", "strand"), places)
    databases = [PLAIN, FLANKED]
    if shuffled:
        _write_database(out / DECOYS, shuffled)
        databases.append(DECOYS)
    _write_seeds(out, {family: seeds[family] for family in chosen if family in seeds})
    return _finish(
        out,
        {
            "schema_version": SCHEMA,
            "databases": databases,
            "split_sha256": sha256_file(split),
            "config": config.model_dump(),
            "counts": {
                "queries": len(queries),
                "family_members": len(members),
                "negatives": len(negatives),
                "decoys": len(shuffled),
            },
        },
    )


def own_dataset(queries: Path, targets: Path, labels: Path, out: Path) -> dict[str, object]:
    """Returns the settings of a benchmark of somebody's own sequences, with the one database ``own``.

    Args:
        queries: FASTA; every query needs a label.
        targets: FASTA; targets without label are decoys.
        labels: TSV with the columns id, family, clan.
        out: a directory; an earlier benchmark there is replaced.

    Raises:
        InputError: a file cannot be used, a query has no label, or there is none with a relative in the
        targets.
    """
    asked, _ = read_fasta(queries, skip="short")
    searched, _ = read_fasta(targets, skip="short")
    known = read_labels(labels)
    missing = [record.id for record in asked if record.id not in known]
    if missing:
        problem = f"has no label for {len(missing)} queries"
        raise InputError(problem, path=labels, record=missing[0], remedy="give every query a family")
    target_ids = {record.id for record in searched}
    sizes: dict[str, int] = {}
    for name, (family, _) in known.items():
        sizes[family] = sizes.get(family, 0) + (name in target_ids)
    if not any(sizes[known[record.id][0]] > (record.id in target_ids) for record in asked):
        raise InputError("no query has a relative among the targets", path=labels)
    _fresh(out)
    infos = [
        QueryInfo(r.id, *known[r.id], size_class(sizes[known[r.id][0]]), "unknown", "unknown", len(r.sequence))
        for r in asked
    ]
    write_fasta(out / "queries.fasta", asked)
    write_queries(out / "queries.tsv", infos)
    _write_tsv(out / "labels.tsv", ("id", "family", "clan"), [(n, *label) for n, label in sorted(known.items())])
    _write_tsv(out / "components.tsv", ("family", "component"), ())
    _write_database(out / OWN, searched)
    counts = {"queries": len(asked), "targets": len(searched)}
    return _finish(out, {"schema_version": SCHEMA, "databases": [OWN], "counts": counts})


def identity_class(seed: Seed | None, most: int = 40) -> str:
    """Returns ``<60``, ``60-80`` or ``>=80``: mean pairwise identity in percent over columns both rows fill.

    Args:
        seed: the alignment; ``unknown`` without one or with a single row.
        most: rows that are compared, evenly spaced.
    """
    if seed is None or len(seed.rows) < 2:
        return "unknown"
    picked = np.unique(np.linspace(0, len(seed.rows) - 1, most).round().astype(int))
    rows = np.frombuffer("".join(seed.rows[i][1] for i in picked).encode("ascii"), dtype=np.uint8)
    rows = rows.reshape(len(picked), -1)
    filled = rows != ord("-")
    values = []
    for first in range(len(rows) - 1):
        both = filled[first] & filled[first + 1 :]
        same = (rows[first] == rows[first + 1 :]) & both
        values.append(same.sum(axis=1) / np.maximum(both.sum(axis=1), 1))
    identity = 100 * float(np.concatenate(values).mean())
    return "<60" if identity < 60 else "60-80" if identity < 80 else ">=80"


def flank(sequence: str, length: int, rng: np.random.Generator) -> str:
    """Returns random letters with the order-0 composition of a sequence (A, C, G and U alone)."""
    counts = np.array([sequence.count(letter) for letter in "ACGU"], dtype=np.float64)
    weights = counts / counts.sum() if counts.sum() else np.full(4, 0.25)
    return "".join(rng.choice(list("ACGU"), size=length, p=weights))


def _choose(
    distinct: Mapping[str, Mapping[str, str]],
    sizes: Mapping[str, int],
    config: DatasetConfig,
    rng: np.random.Generator,
) -> list[str]:
    chosen: list[str] = []
    for name in SIZE_CLASSES:
        usable = [
            family
            for family, members in distinct.items()
            if len(members) > 1 and size_class(sizes[family]) == name and _query_of(members, config)
        ]
        picked = rng.permutation(len(usable))[: config.families]
        chosen += [usable[i] for i in picked]
    return sorted(chosen)


def _query_of(members: Mapping[str, str], config: DatasetConfig) -> str | None:
    """Returns the longest member that is no fragment, not too long, and has few ambiguous letters."""
    median = float(np.median([len(sequence) for sequence in members.values()]))
    usable = [
        (-len(sequence), name)
        for name, sequence in members.items()
        if max(15, _FRAGMENT * median) <= len(sequence) <= config.longest_query
        and sum(letter not in "ACGU" for letter in sequence) <= _MOST_AMBIGUOUS * len(sequence)
    ]
    return min(usable)[1] if usable else None


def _members(members: Mapping[str, str], config: DatasetConfig, rng: np.random.Generator) -> list[str]:
    query = _query_of(members, config)
    others = [name for name in members if name != query]
    picked = sorted(rng.permutation(len(others))[: config.targets - 1].tolist())
    return [str(query), *(others[i] for i in picked)]


def _negatives(
    families: Mapping[str, Mapping[str, str]],
    split_of: Mapping[str, str],
    config: DatasetConfig,
    rng: np.random.Generator,
) -> list[tuple[str, str, str]]:
    """Returns members of training families in turn over the families, in a random order."""
    names = [family for family in families if split_of.get(family) == "train"]
    order = [names[i] for i in rng.permutation(len(names))]
    shuffled = {family: rng.permutation(list(families[family])) for family in order}
    picked: list[tuple[str, str, str]] = []
    for turn in range(max((len(members) for members in shuffled.values()), default=0)):
        for family in order:
            if len(picked) == config.negatives:
                return picked
            if turn < len(shuffled[family]):
                sequence = families[family][str(shuffled[family][turn])]
                picked.append((f"{family}.{turn}", family, sequence))
    return picked


def _flank(
    real: Sequence[tuple[str, str, str]], config: DatasetConfig, rng: np.random.Generator
) -> tuple[list[Record], list[tuple[str, str, str, str]]]:
    """Returns the flanked sequences, every second one (at random) reversed, and where the member lies."""
    shortest, longest = config.flanks
    reverse = rng.permutation(np.arange(len(real)) % 2 == 0)
    records, places = [], []
    for (name, _, sequence), turned in zip(real, reverse, strict=True):
        before, after = (flank(sequence, int(n), rng) for n in rng.integers(shortest, longest + 1, size=2))
        whole = before + sequence + after
        if turned:
            whole, before = reverse_complement(whole), after
        records.append(Record(name, "", whole))
        strand = "-" if turned else "+"
        places.append((name, str(len(before) + 1), str(len(before) + len(sequence)), strand))
    return records, places


def _check_leaks(
    held_out: Mapping[str, Mapping[str, str]],
    held_in: Mapping[str, Mapping[str, str]],
    clans: Mapping[str, str],
    threads: int,
) -> None:
    by_clan = {clans[family]: family for family in held_in if clans.get(family)}
    for family in held_out:
        other = by_clan.get(clans.get(family, ""))
        if other is not None:
            raise LeakError(f"test family {family} and {other} are both of clan {clans[family]}")
    for a, b, bits in similarity_between(held_out, held_in, threads=threads):
        if bits >= MIN_BITS:
            raise LeakError(f"test family {a} is similar to {b} ({bits:.0f} bits), which is not a test family")


def _fresh(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / "dataset.json").is_file():
            raise InputError("exists and is no benchmark", path=out, remedy="choose another name or remove it")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def _write_database(directory: Path, records: Sequence[Record]) -> None:
    directory.mkdir()
    write_fasta(directory / "targets.fasta", records)


def _write_seeds(out: Path, seeds: Mapping[str, Seed]) -> None:
    (out / "seeds").mkdir()
    for family, seed in seeds.items():
        names, rows = zip(*seed.rows, strict=True)
        text = format_stockholm(Alignment(names, rows, seed.structure), features={"AC": family})
        (out / "seeds" / f"{family}.sto").write_text(text, encoding="utf-8")


def _write_tsv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")


def _finish(out: Path, settings: dict[str, object]) -> dict[str, object]:
    (out / "dataset.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return settings
