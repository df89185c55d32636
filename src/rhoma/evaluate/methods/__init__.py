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
    kind: str = "rhoma",
    presets: tuple[str, ...] = ("quick", "standard", "full"),
    **options: Any,
) -> Entry:
    options = {"iterations": ROUNDS, "anchors": True, **options}
    return Entry(name, _RHOMA, about, kind=kind, presets=presets, options=options)


ENTRIES: tuple[Entry, ...] = (
    Entry("rhoma-vectors", f"{_HERE}.rhoma_search:RhomaVectors", "learned vectors alone", kind="rhoma", evalues=False),
    _rhoma("rhoma-profile", "one pass of the query's profile", effort="fast", iterations=1),
    _rhoma("rhoma-fast", f"{ROUNDS} rounds of the profile", effort="fast"),
    _rhoma("rhoma-auto", "and a covariance model where the profile finds few (the default search)", effort="auto"),
    _rhoma("rhoma-sensitive", "and a covariance model always", presets=("standard", "full"), effort="sensitive"),
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

# What a part of the search is worth: the default search with one setting changed.
_CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("default", "the default search", {}),
    *((f"shortlist={n}", f"first list of {n} windows", {"shortlist": n}) for n in (250, 500, 2000)),
    ("growth=off", "the list does not grow", {"longest_shortlist": 1000}),
    ("mmseqs=off", "without MMseqs2's hits", {"anchors": False}),
    ("expansion=0", "homologs are no new vector queries", {"expansion": 0}),
    *((f"rounds={n}", f"{n} rounds", {"iterations": n}) for n in (1, 2, 3, 4)),
    *((f"inclusion={e:g}", f"inclusion at E <= {e:g}", {"inclusion_evalue": e}) for e in (1e-3, 0.1)),
    *((f"effort={effort}", f"--effort {effort}", {"effort": effort}) for effort in ("fast", "sensitive")),
)

ABLATIONS: tuple[Entry, ...] = tuple(
    _rhoma(name, about, kind="ablation", **options) for name, about, options in _CHANGES
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
