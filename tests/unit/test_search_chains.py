from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rhoma.profile import Match, Segment
from rhoma.search.chains import Chain, Part, _groups, join_pieces, plus, resolve
from rhoma.search.piece import cut


def chain(
    start: int,
    end: int,
    log_pvalue: float,
    *,
    sequence: int = 0,
    strand: str = "+",
    qstart: int = 0,
    qend: int = 100,
    piece: int = 0,
) -> Chain:
    return Chain(
        sequence,
        strand,
        qstart,
        qend,
        start,
        end,
        100,
        80,
        1,
        -log_pvalue,
        log_pvalue,
        math.nan,
        (Part(piece, 0, 0, start, end),),
    )


def segment(qstart: int, qend: int, start: int, end: int) -> Segment:
    return Segment(qstart, qend, start, end, end - start, 10, 0, 20.0, -10.0, 0)


@given(
    st.lists(
        st.builds(
            lambda start, size, score, sequence, strand: chain(
                *plus(strand, start, start + size), -score, sequence=sequence, strand=strand
            ),
            st.integers(0, 200),
            st.integers(1, 100),
            st.floats(1, 50),
            st.integers(0, 1),
            st.sampled_from("+-"),
        ),
        max_size=12,
    )
)
def test_what_overlaps_a_better_hit_by_half_goes(chains: list[Chain]) -> None:
    kept = resolve(chains)

    def clash(a: Chain, b: Chain) -> bool:
        (s1, e1), (s2, e2) = a.stretch, b.stretch
        return a.sequence == b.sequence and 2 * (min(e1, e2) - max(s1, s2)) > min(e1 - s1, e2 - s2)

    assert not any(clash(a, b) for i, a in enumerate(kept) for b in kept[:i])
    for one in chains:
        assert one in kept or any(clash(one, k) and k.log_pvalue <= one.log_pvalue for k in kept)
    assert [k.log_pvalue for k in kept] == sorted(k.log_pvalue for k in kept)


def test_collinear_stretches_group_and_repeats_do_not() -> None:
    collinear = [segment(0, 40, 10, 50), segment(45, 90, 80, 125)]
    assert _groups(collinear) == [collinear]
    repeat = [segment(0, 90, 10, 100), segment(0, 90, 150, 240)]
    assert _groups(repeat) == [[repeat[0]], [repeat[1]]]
    far = [segment(0, 40, 10, 50), segment(45, 90, 900, 945)]
    assert len(_groups(far)) == 2
    assert Match(0, 1.0, -1.0, tuple(far)).segments == tuple(far)


def test_pieces_that_continue_each_other_become_one_hit() -> None:
    for strand, shift in (("+", 500), ("-", -9000)):
        left = chain(shift, shift + 600, -100, strand=strand, qstart=0, qend=600)
        right = chain(shift + 410, shift + 1000, -90, strand=strand, qstart=400, qend=990, piece=1)
        (joined,) = join_pieces([right, left])
        assert (joined.qstart, joined.qend) == (0, 990)
        assert joined.stretch == plus(strand, shift, shift + 1000)
        assert joined.log_pvalue == -100
        # a third of the second piece repeats the first
        assert 100 + 90 * 0.5 < joined.bits < 190
        assert [part.piece for part in joined.parts] == [0, 1]


def test_pieces_elsewhere_stay_apart() -> None:
    left = chain(0, 600, -100, qstart=0, qend=600)
    assert len(join_pieces([left, chain(3000, 3600, -90, qstart=400, qend=990, piece=1)])) == 2
    assert len(join_pieces([left, chain(400, 990, -90, qstart=400, qend=990, piece=1, strand="-")])) == 2
    assert len(join_pieces([left, chain(400, 990, -90, qstart=400, qend=990, piece=2)])) == 2


@given(st.integers(1, 30_000), st.integers(100, 1500), st.integers(0, 900))
def test_pieces_cover_the_query_and_overlap(length: int, piece: int, overlap: int) -> None:
    borders = cut(length, piece, overlap)
    assert borders[0][0] == 0
    assert borders[-1][1] == length
    assert all(end - start <= piece + 1 for start, end in borders)
    for (_, end), (start, _) in zip(borders, borders[1:], strict=False):
        assert end - start >= min(overlap, piece // 2) - 1
    assert (len(borders) == 1) == (length <= piece)
