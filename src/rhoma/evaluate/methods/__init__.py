"""The methods under test: a registry with one entry each.

A new tool is one module with a class like :class:`rhoma.evaluate.methods.base.Method` and one entry here; a
tool that cannot be installed from a registry is an entry of a YAML file
(:mod:`rhoma.evaluate.methods.template`).
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from rhoma.errors import InputError
from rhoma.evaluate.methods.base import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rhoma.evaluate.methods.base import Method, Task

# Rounds of the methods that iterate: rounds are compared with rounds.
ROUNDS = 5

_HERE = "rhoma.evaluate.methods"
_RHOMA = f"{_HERE}.rhoma_search:RhomaSearch"
_FULL = ("full",)


def _rhoma(
    name: str,
    about: str,
    *,
    evalues: bool = True,
    kind: str = "rhoma",
    presets: tuple[str, ...] = ("quick", "standard", "full"),
    **options: Any,
) -> Entry:
    return Entry(name, _RHOMA, about, kind=kind, presets=presets, evalues=evalues, options=options)


_ROUNDS: dict[str, Any] = {"mode": "rounds", "iterations": ROUNDS, "anchors": True}

ENTRIES: tuple[Entry, ...] = (
    _rhoma("rhoma-vectors", "learned vectors alone, cosine", evalues=False, mode="list"),
    _rhoma(
        "rhoma-list",
        "learned vectors, ranks fused with MMseqs2's hits",
        evalues=False,
        mode="list",
        anchors=True,
    ),
    _rhoma("rhoma-profile", "the list, one pass of the query's profile", mode="profile", anchors=True),
    _rhoma("rhoma-rounds", f"{ROUNDS} rounds (the default search)", **_ROUNDS),
    _rhoma(
        "rhoma-sensitive",
        "rounds with a covariance model",
        presets=("standard", "full"),
        sensitive=True,
        **_ROUNDS,
    ),
    Entry("blastn", f"{_HERE}.blastn:Blastn", "BLASTn, -task blastn -word_size 7, E <= 1000"),
    Entry("mmseqs", f"{_HERE}.mmseqs:Mmseqs", "MMseqs2, nucleotides, -k 7 -s 7.5"),
    Entry("nhmmer", f"{_HERE}.nhmmer:Nhmmer", "nhmmer, one pass, E <= 100"),
    Entry(
        "nhmmer-rounds",
        f"{_HERE}.nhmmer:Nhmmer",
        f"nhmmer iterated {ROUNDS} times",
        options={"rounds": ROUNDS},
    ),
    Entry(
        "infernal",
        f"{_HERE}.infernal:Infernal",
        "Infernal from the query and its RNAfold structure, one pass",
    ),
    Entry(
        "infernal-rounds",
        f"{_HERE}.infernal:Infernal",
        f"the same iterated {ROUNDS} times",
        presets=_FULL,
        options={"rounds": ROUNDS},
    ),
    Entry(
        "infernal-oracle",
        f"{_HERE}.infernal:Infernal",
        "Infernal with the model of the family's own seed alignment",
        kind="oracle",
        options={"oracle": True},
    ),
    Entry("kmer", f"{_HERE}.kmer:Kmer", "7-mer tf-idf cosine, both strands", kind="floor", evalues=False),
)

# What a part of the search is worth: the default rounds with one setting changed.
_CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("default", "the default search", {}),
    *((f"shortlist={n}", f"shortlist of {n} windows", {"shortlist": n}) for n in (100, 300, 3000)),
    ("mmseqs=off", "without MMseqs2's hits", {"anchors": False}),
    ("expansion=0", "homologs are no new vector queries", {"expansion": 0}),
    ("rounds=0", "the list alone", {"mode": "list"}),
    *((f"rounds={n}", f"{n} rounds", {"iterations": n}) for n in (1, 2, 3, 4)),
    *((f"inclusion_bits={n}", f"inclusion from {n} bits", {"inclusion_bits": float(n)}) for n in (8, 20)),
)

# What a part of the search is worth: the default rounds with one setting changed.
ABLATIONS: tuple[Entry, ...] = tuple(
    _rhoma(name, about, kind="ablation", **{**_ROUNDS, **options}) for name, about, options in _CHANGES
)


def entries_of(preset: str, *, extra: Iterable[Entry] = (), calibrate: bool = False, seeds: bool = True) -> list[Entry]:
    """Returns the methods of a preset, those of a user's YAML file last.

    Args:
        preset: its name.
        extra: more entries.
        calibrate: whether Infernal's models are calibrated and so have E-values.
        seeds: whether there are reference alignments, which the oracle needs.

    Raises:
        InputError: a name comes twice.
    """
    chosen = [entry for entry in ENTRIES if preset in entry.presets and (seeds or entry.kind != "oracle")]
    chosen += list(extra)
    names = [entry.name for entry in chosen]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"two methods are called {', '.join(twice)}", remedy="rename the ones of the YAML file")
    return [_calibrated(entry, calibrate) for entry in chosen]


def _calibrated(entry: Entry, calibrate: bool) -> Entry:
    if not entry.factory.endswith(":Infernal"):
        return entry
    options = {**entry.options, "calibrate": calibrate}
    return Entry(entry.name, entry.factory, entry.about, entry.kind, entry.presets, calibrate, options)


def make(entry: Entry, task: Task) -> Method:
    """Returns the method of an entry, with the entry's options, ready for ``build``."""
    module, name = entry.factory.split(":")
    factory = getattr(importlib.import_module(module), name)
    return cast("Method", factory(replace(task, options=entry.options)))
