from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhoma.search.chaining import Part, _apart, _joined, link
from rhoma.search.scoring import TargetHit, best_of


def part(qstart: int, start: int, size: int = 100, *, tile: int = 0, bits: float = 50.0, p: float = -40.0) -> Part:
    columns = np.arange(qstart, qstart + size, dtype=np.int32)
    return Part(tile, start, start + size, columns, bits, p, p, "profile")


def places(parts: list[Part]) -> list[tuple[int, int]]:
    return [(p.qstart, p.start) for p in parts]


def test_collinear_stretches_link_and_repeats_do_not() -> None:
    assert [places(x) for x in link([part(0, 10), part(120, 160)])] == [[(0, 10), (120, 160)]]
    assert len(link([part(0, 10), part(0, 150)])) == 2
    assert len(link([part(0, 10), part(120, 900)])) == 2
    # what chance brings anywhere is no part of a homolog
    assert len(link([part(0, 10), part(120, 160, 20, bits=3.0, p=-1.0)])) == 2


def test_a_stretch_off_the_diagonal_does_not_break_a_chain() -> None:
    tiles = [part(0, 1000, 500, tile=0, bits=400), part(400, 1400, 500, tile=1, bits=400)]
    stray = part(450, 1290, 60, tile=1, bits=20)
    lists = link([*tiles, stray])
    assert places(lists[0]) == [(0, 1000), (400, 1400)]


def test_neighbouring_tiles_hand_over_in_the_middle_of_what_they_share() -> None:
    left, right = part(0, 1000, 500, tile=0, bits=500), part(400, 1400, 500, tile=1, bits=500)
    joined = _joined(7, False, [left, right])
    assert [(p.qstart, p.qend, p.start, p.end) for p in joined.parts] == [(0, 450, 1000, 1450), (450, 900, 1450, 1900)]
    assert joined.bits == 900
    assert joined.span == (1000, 1900)
    minus = _joined(7, True, [part(0, -1900, 500), part(400, -1500, 500, tile=1)])
    assert minus.span == (1000, 1900)


@given(
    st.lists(
        st.builds(
            part,
            st.integers(0, 300),
            st.integers(0, 300),
            st.integers(20, 200),
            tile=st.integers(0, 2),
            bits=st.floats(1, 90),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_a_chain_holds_no_letter_and_no_position_twice(parts: list[Part]) -> None:
    lists = link(parts)
    assert sorted(places(p for one in lists for p in one)) == sorted(places(parts))  # type: ignore[arg-type]
    for one in lists:
        kept = _joined(0, False, one).parts
        assert kept
        for p in kept:
            assert len(p.columns) == p.end - p.start > 0
            assert p.columns[0] >= 0 <= p.columns[-1]
        for a, b in zip(kept, kept[1:], strict=False):
            assert a.end <= b.start
            assert a.qend <= b.qstart


spans = st.lists(
    st.builds(
        lambda sequence, minus, start, size, score: TargetHit(
            sequence,
            minus,
            *((-start - size, -start) if minus else (start, start + size)),
            np.arange(size, dtype=np.int32),
            score,
            -score,
        ),
        st.integers(0, 1),
        st.booleans(),
        st.integers(0, 200),
        st.integers(1, 100),
        st.floats(1, 50),
    ),
    max_size=12,
)


@given(spans)
def test_of_hits_that_share_a_place_the_best_is_left(hits: list[TargetHit]) -> None:
    kept = best_of(hits)
    assert not any(a.shares(b) for i, a in enumerate(kept) for b in kept[:i])
    for one in hits:
        assert any(one is k for k in kept) or any(one.shares(k) and k.log_pvalue <= one.log_pvalue for k in kept)
    assert [k.log_pvalue for k in kept] == sorted(k.log_pvalue for k in kept)


@given(spans)
def test_of_chains_that_share_a_place_the_best_is_left(hits: list[TargetHit]) -> None:
    chains = [
        _joined(
            h.sequence, h.minus, [Part(0, h.start, h.end, h.columns, h.bits, h.log_pvalue, h.log_pvalue, "profile")]
        )
        for h in hits
    ]
    kept = _apart(chains)
    assert [k.log_pvalue for k in kept] == sorted(k.log_pvalue for k in kept)
    for one in chains:
        assert one in kept or any(k.sequence == one.sequence and k.log_pvalue <= one.log_pvalue for k in kept)
