from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.errors import InputError
from rhoma.evaluate.benchmark import Benchmark
from rhoma.evaluate.dataset import build_dataset, flank, identity_class, own_dataset
from rhoma.evaluate.presets import PRESETS, DatasetConfig, preset
from rhoma.evaluate.splits import LeakError, SplitRow, write_split
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.rfam import Seed
from rhoma.sequences import Record, reverse_complement

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = DatasetConfig(families=2, targets=4, negatives=5, decoys=2, flanks=(20, 60), longest_query=130, identity=0.95)


def mutated(rng: np.random.Generator, sequence: str, share: float) -> str:
    letters = np.array(list(sequence))
    places = rng.random(len(letters)) < share
    letters[places] = rng.choice(list("ACGU"), size=int(places.sum()))
    return "".join(letters)


@pytest.fixture
def rfam(tmp_path: Path) -> Path:
    """Eight families of six members each; the first four have seed alignments."""
    rng = np.random.default_rng(11)
    directory = tmp_path / "rfam"
    directory.mkdir()
    rows = ["family\tname\ttype\tclan"]
    seeds, members = "", ""
    for n in range(8):
        family, clan = f"RF0000{n}", "CL00001" if n in (0, 1) else ""
        rows.append(f"{family}\tname{n}\tGene; tRNA;\t{clan}")
        ancestor = "".join(rng.choice(list("ACGU"), size=100 + 5 * n))
        names = [(f"{family}_m{k}", mutated(rng, ancestor, 0.3)) for k in range(6)]
        if n < 4:
            seeds += f"# STOCKHOLM 1.0\n#=GF AC {family}\n"
            seeds += "".join(f"{name} {row}\n" for name, row in names[:3])
            seeds += f"#=GC SS_cons {'.' * len(ancestor)}\n//\n"
        members += "".join(f">{name} {family}\n{row}\n" for name, row in names[3 if n < 4 else 0 :])
    (directory / "families.tsv").write_text("\n".join(rows) + "\n")
    (directory / "seed.sto.gz").write_bytes(gzip.compress(seeds.encode()))
    (directory / "members.fa.gz").write_bytes(gzip.compress(members.encode()))
    return directory


def rows(test: str = "012") -> list[SplitRow]:
    return [SplitRow(f"RF0000{n}", "", f"RF0000{n}", "test" if str(n) in test else "train") for n in range(8)]


@pytest.mark.tool("mmseqs")
class TestFromRfam:
    @pytest.fixture
    def benchmark(self, rfam: Path, tmp_path: Path) -> Benchmark:
        write_split(tmp_path / "split.tsv", rows())
        build_dataset(rfam, tmp_path / "split.tsv", rows(), CONFIG, tmp_path / "bench")
        return Benchmark(tmp_path / "bench")

    def test_queries_and_databases(self, benchmark: Benchmark) -> None:
        # Two families of the one size class are queried; each has four members in the database.
        assert benchmark.databases == ["plain", "flanked", "decoys"]
        assert len(benchmark.queries()) == len(benchmark.infos) == 2
        names = {name: benchmark.target_names(name) for name in benchmark.databases}
        assert len(names["plain"]) == 2 * 4 + 5
        assert set(names["flanked"]) == set(names["plain"]) | set(names["decoys"])
        assert len(names["decoys"]) == 2 * 4 * 2
        assert not set(names["decoys"]) & set(benchmark.labels)
        assert set(names["plain"]) == set(benchmark.labels)
        for database in ("plain", "flanked"):
            truths = benchmark.truths(database)
            assert all(len(truth.positives) == 3 for truth in truths.values())

    def test_a_benchmark_of_another_version_is_refused(self, benchmark: Benchmark) -> None:
        path = benchmark.path / "dataset.json"
        path.write_text(json.dumps({**benchmark.settings, "schema_version": 1}))
        with pytest.raises(InputError, match="another version.*make it anew"):
            Benchmark(benchmark.path)

    def test_families_that_the_split_relates_are_ignored(self, rfam: Path, tmp_path: Path) -> None:
        related = [replace(row, component="RF00000") if row.split == "test" else row for row in rows()]
        write_split(tmp_path / "split.tsv", related)
        build_dataset(rfam, tmp_path / "split.tsv", related, CONFIG, tmp_path / "bench")
        benchmark = Benchmark(tmp_path / "bench")
        first, second = benchmark.truths("plain").values()
        own = {name for name in benchmark.target_names("plain") if name.startswith(f"{second.family}.")}
        assert own == second.positives | {second.query}
        assert first.ignored == own | {first.query}
        assert not set(benchmark.target_names("decoys")) & first.ignored

    def test_queries_are_the_longest_members_in_the_test_split(self, benchmark: Benchmark, rfam: Path) -> None:
        from rhoma.rfam import read_sequences

        sequences = read_sequences(rfam)
        original = dict(line.split("\t") for line in (benchmark.path / "original_ids.tsv").read_text().splitlines()[1:])
        for query, info in zip(benchmark.queries(), benchmark.infos, strict=True):
            assert info.family in {"RF00000", "RF00001", "RF00002"}
            assert query.sequence == sequences[info.family][original[query.id]]
            assert len(query.sequence) == max(map(len, sequences[info.family].values()))

    def test_members_lie_where_the_table_says(self, benchmark: Benchmark) -> None:
        plain = {r.id: r.sequence for r in read_fasta(benchmark.targets("plain"))[0]}
        flanked = {r.id: r.sequence for r in read_fasta(benchmark.targets("flanked"))[0]}
        places = [line.split("\t") for line in (benchmark.path / "flanked" / "places.tsv").read_text().splitlines()[1:]]
        assert {place[0] for place in places} == set(plain)
        for name, start, end, strand in places:
            inside = flanked[name][int(start) - 1 : int(end)]
            assert (inside if strand == "+" else reverse_complement(inside)) == plain[name]
            assert len(plain[name]) + 40 <= len(flanked[name]) <= len(plain[name]) + 120
        reversed_ones = sum(place[3] == "-" for place in places)
        assert reversed_ones == (len(places) + 1) // 2

    def test_decoys_keep_dinucleotides(self, benchmark: Benchmark) -> None:
        plain = [r.sequence for r in read_fasta(benchmark.targets("plain"))[0]]
        decoys = {r.id: r.sequence for r in read_fasta(benchmark.targets("decoys"))[0]}
        for name, decoy in decoys.items():
            source = plain[int(name.split(".")[1])]
            assert sorted(decoy[i : i + 2] for i in range(len(decoy) - 1)) == sorted(
                source[i : i + 2] for i in range(len(source) - 1)
            )
            assert decoy != source

    def test_the_same_seed_gives_the_same_bytes(self, benchmark: Benchmark, rfam: Path, tmp_path: Path) -> None:
        build_dataset(rfam, tmp_path / "split.tsv", rows(), CONFIG, tmp_path / "again")
        for path in benchmark.path.rglob("*"):
            if path.is_file():
                assert (tmp_path / "again" / path.relative_to(benchmark.path)).read_bytes() == path.read_bytes()
        other = CONFIG.model_copy(update={"seed": 2})
        build_dataset(rfam, tmp_path / "split.tsv", rows(), other, tmp_path / "again")
        assert (tmp_path / "again/flanked/targets.fasta").read_bytes() != benchmark.targets("flanked").read_bytes()

    def test_a_related_training_family_is_refused(self, rfam: Path, tmp_path: Path) -> None:
        path = tmp_path / "split.tsv"
        write_split(path, rows("0"))
        with pytest.raises(LeakError, match="RF00000 and RF00001 are both of clan CL00001"):
            build_dataset(rfam, path, rows("0"), CONFIG, tmp_path / "bench")
        members = gzip.decompress((rfam / "members.fa.gz").read_bytes()).decode()
        copied = members.replace("RF00007\n", "RF00002\n", 1)
        (rfam / "members.fa.gz").write_bytes(gzip.compress(copied.encode()))
        with pytest.raises(LeakError, match=r"test family RF00002 is similar to RF00007 \(\d+ bits\)"):
            build_dataset(rfam, path, rows("2"), CONFIG.model_copy(update={"targets": 6}), tmp_path / "bench")

    def test_another_directory_is_not_overwritten(self, rfam: Path, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("x")
        write_split(tmp_path / "split.tsv", rows())
        with pytest.raises(InputError, match="no benchmark"):
            build_dataset(rfam, tmp_path / "split.tsv", rows(), CONFIG, tmp_path / "mine")
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_flanks_have_the_composition_of_the_member() -> None:
    rng = np.random.default_rng(0)
    made = flank("GGGA", 4000, rng)
    assert set(made) == {"G", "A"}
    assert 2850 < made.count("G") < 3150
    assert set(flank("NNN", 500, rng)) == set("ACGU")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["ACGU", "ACGU"], ">=80"),
        (["ACGU--", "ACCC--"], "<60"),
        (["ACGUA", "ACGUC", "ACGGC"], "60-80"),
        (["ACGU"], "unknown"),
    ],
)
def test_identity_classes(rows: list[str], expected: str) -> None:
    seed = Seed("RF1", [(str(n), row) for n, row in enumerate(rows)], "." * len(rows[0]))
    assert identity_class(seed) == expected


class TestOwnSet:
    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        rng = np.random.default_rng(4)
        one = "".join(rng.choice(list("ACGU"), size=60))
        write_fasta(tmp_path / "q.fa", [Record("q", "", one)])
        write_fasta(
            tmp_path / "t.fa", [Record("q", "", one), Record("t", "", one[:50]), Record("decoy", "", one[::-1])]
        )
        (tmp_path / "l.tsv").write_text("id\tfamily\tclan\nq\tF\t\nt\tF\t\n")
        return tmp_path

    def test_any_set_becomes_a_benchmark(self, files: Path) -> None:
        own_dataset(files / "q.fa", files / "t.fa", files / "l.tsv", files / "bench")
        benchmark = Benchmark(files / "bench")
        assert benchmark.databases == ["own"]
        assert benchmark.truths("own")["q"].positives == {"t"}
        assert json.loads((files / "bench" / "dataset.json").read_text())["counts"] == {"queries": 1, "targets": 3}

    def test_queries_need_labels_and_relatives(self, files: Path) -> None:
        (files / "l.tsv").write_text("id\tfamily\tclan\nt\tF\t\n")
        with pytest.raises(InputError, match="record 'q': has no label for 1 queries"):
            own_dataset(files / "q.fa", files / "t.fa", files / "l.tsv", files / "bench")
        (files / "l.tsv").write_text("id\tfamily\tclan\nq\tF\t\nt\tG\t\n")
        with pytest.raises(InputError, match="no query has a relative"):
            own_dataset(files / "q.fa", files / "t.fa", files / "l.tsv", files / "bench")


def test_presets() -> None:
    assert list(PRESETS) == ["quick", "standard", "full"]
    assert preset("full").calibrate
    with pytest.raises(InputError, match="quick, standard, full"):
        preset("huge")


def test_a_directory_that_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no benchmark directory"):
        Benchmark(tmp_path)
