"""The words encoder against counting by hand, its gradients against autograd, its graph against torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.errors import InputError  # noqa: E402
from rhoma.models.bundle import write_bundle  # noqa: E402
from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.models.encoders.words import WordsConfig, WordsEncoder  # noqa: E402
from rhoma.models.heads import HeadConfig  # noqa: E402
from rhoma.models.network import HomologyNetwork  # noqa: E402
from rhoma.models.tape import lay_out  # noqa: E402
from rhoma.sequences import reverse_complement  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402
from rhoma.windows import tile  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, THRESHOLD = 5, 2
PLAIN = {"width": WIDTH, "threshold": THRESHOLD, "transitions": 0}
ENCODER = WordsEncoder(WordsConfig(filters=300, **PLAIN))
WORDS = ["".join("ACGU"[int(letter)] for letter in word.argmax(0)) for word in ENCODER.words.detach()]
PATTERNS = [*WORDS, *(reverse_complement(word) for word in WORDS)]
RANDOM = np.random.default_rng(5)
SEQUENCES = ["".join(RANDOM.choice(list("ACGU"), size=n)) for n in (40, 64, 9, 5, 3, 64, 31)]


def by_hand(sequence: str, pattern: str) -> float:
    """Returns the root of the summed fourth powers of the matches beyond the threshold, over all words."""
    words = [sequence[i : i + WIDTH] for i in range(max(1, len(sequence) - WIDTH + 1))]
    matches = [sum(a == b for a, b in zip(word, pattern, strict=False)) for word in words]
    return float(np.sqrt(sum(max(0, m - THRESHOLD) ** 4 for m in matches)))


@settings(max_examples=40, deadline=None)
@given(st.text("ACGUN", min_size=1, max_size=40))
def test_untrained_words_are_counted_as_by_hand(sequence: str) -> None:
    with torch.no_grad():
        norms = ENCODER.norms(ENCODER.tokenize([sequence]))[0]
    for number in range(0, 300, 31):
        assert float(norms[number]) == pytest.approx(by_hand(sequence, PATTERNS[number]), abs=2e-3, rel=1e-5)


def test_the_words_are_random_but_the_same_everywhere() -> None:
    again = WordsEncoder(WordsConfig(filters=300, **PLAIN))
    assert torch.equal(again.words, ENCODER.words)
    assert len(set(PATTERNS)) > 200


def test_the_reverse_complement_has_the_same_norms_with_the_halves_exchanged() -> None:
    turned = [reverse_complement(sequence) for sequence in SEQUENCES if len(sequence) >= WIDTH]
    plus = ENCODER.norms(ENCODER.tokenize([s for s in SEQUENCES if len(s) >= WIDTH]))
    torch.testing.assert_close(ENCODER.norms(ENCODER.tokenize(turned)), plus.roll(150, dims=1))


def test_norms_and_their_gradients_are_those_of_the_states() -> None:
    encoder = WordsEncoder(WordsConfig(filters=20, width=WIDTH, threshold=THRESHOLD, seed=2))
    with torch.no_grad():
        encoder.words += 0.3 * torch.randn(encoder.words.shape, generator=torch.Generator().manual_seed(0))
    network = HomologyNetwork(encoder, HeadConfig(kind="norm"))
    batch = network.tokenize(SEQUENCES * 3)
    weights = torch.randn(len(SEQUENCES) * 3, 20, generator=torch.Generator().manual_seed(1))
    found: list[tuple[Any, ...]] = []
    states = encoder.encode(batch)
    for norms in (network.learned(batch), (states.square().sum(dim=1) + 1e-6).sqrt()):
        encoder.zero_grad()
        (norms * weights).sum().backward()
        assert encoder.words.grad is not None
        assert encoder.bias.grad is not None
        found.append((norms.detach(), encoder.words.grad.clone(), encoder.bias.grad.clone()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def words_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a bundle of random words, whitened with random sequences."""
    network, info = make_network(
        resolve(given={"sizes": {"filters": 64, "width": 6, "threshold": 2}, "whitened": 32, "head": {}})
    )
    background = ["".join(RANDOM.choice(list("ACGU"), size=64)) for _ in range(200)]
    assert network.whitening is not None
    with torch.no_grad():
        network.whitening.fit(network.learned(network.tokenize(background)), 0.75)
    out: Path = tmp_path_factory.mktemp("words") / "bundle"
    write_bundle(out, network, info, name="words", window=64, stride=32, training={}, metrics={})
    return out


def test_graph_and_network_give_the_same_vectors_whatever_the_batch(words_bundle: Path) -> None:
    graph = load_embedder(words_bundle, runtime="onnx", threads=1)
    network = load_embedder(words_bundle, runtime="torch", threads=1)
    vectors = graph.embed(SEQUENCES)
    assert vectors.shape == (len(SEQUENCES), 32)
    assert ((vectors * network.embed(SEQUENCES)).sum(axis=1) > 1 - 1e-4).all()
    for row, sequence in enumerate(SEQUENCES):
        np.testing.assert_allclose(graph.embed([sequence])[0], vectors[row], atol=1e-6)
        np.testing.assert_allclose(network.embed([sequence])[0], network.embed(SEQUENCES)[row], atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("ACGUN", min_size=1, max_size=150), min_size=1, max_size=6))
def test_both_strands_in_one_pass_are_those_of_two(words_bundle: Path, letters: list[str]) -> None:
    windows = [text[start : start + 64] for text in letters for start in range(0, max(1, len(text) - 32), 32)]
    turned = [reverse_complement(window) for window in windows]
    graph = load_embedder(words_bundle, runtime="onnx", threads=1)
    vectors = graph.embed([*windows, *turned])
    np.testing.assert_allclose(vectors, np.concatenate([graph.embed(windows), graph.embed(turned)]), atol=2e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("ACGUN", min_size=1, max_size=300), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_tape_gives_the_vectors_of_single_windows(words_bundle: Path, letters: list[str], random: Any) -> None:
    sequences = [text * (1 + 200 // len(text)) for text in letters]
    table = tile([len(sequence) for sequence in sequences], 64, 32)
    spans = zip(table.sequence.tolist(), table.start.tolist(), table.end.tolist(), strict=True)
    windows = [sequences[number][start:end] for number, start, end in spans]
    network, graph = (load_embedder(words_bundle, runtime=name, threads=1) for name in ("torch", "onnx"))
    vectors = graph.embed(windows)
    np.testing.assert_allclose(vectors, network.embed(windows), atol=2e-5)
    mixed = random.sample(range(len(windows)), len(windows))
    np.testing.assert_allclose(graph.embed([windows[row] for row in mixed]), vectors[mixed], atol=1e-6)


def test_windows_that_overlap_share_the_tape() -> None:
    sequence = SEQUENCES[1]
    assert len(sequence) == 64
    windows = [sequence[0:32], sequence[16:48], sequence[32:64], sequence[8:40]]
    text, places = lay_out(windows, 16)
    assert places.tolist() == [0, 1, 2, 4]
    assert text == sequence + sequence[8:40]
    text, places = lay_out(["ACGUA", "GGGGG"], 2)
    assert (text, places.tolist()) == ("ACGUA-GGGGG", [0, 3])


def test_a_bundle_of_words_has_no_head_to_store(words_bundle: Path) -> None:
    stored = {path.name for path in words_bundle.iterdir()}
    assert {"encoder.safetensors", "whitening.safetensors", "network.onnx", "tape.onnx"} <= stored
    assert "head.safetensors" not in stored


def test_more_axes_than_words_are_refused() -> None:
    with pytest.raises(InputError, match="65 whitened axes"):
        make_network(resolve(given={"sizes": {"filters": 64}, "whitened": 65}))
    with pytest.raises(InputError, match="did you mean sizes.filters"):
        make_network(resolve(given={"sizes": {"filter": 64}}))
