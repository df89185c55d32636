"""One suite for all encoders; the public ones are small, with random weights, from a local directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.errors import ArtefactError, InputError, ToolError  # noqa: E402
from rhoma.manifest import EncoderInfo  # noqa: E402
from rhoma.models.encoders.compact import CompactConfig, CompactEncoder  # noqa: E402
from rhoma.models.encoders.public import PUBLIC  # noqa: E402
from rhoma.models.encoders.registry import load_encoder, weights_sha256  # noqa: E402
from rhoma.models.encoders.words import WordsConfig, WordsEncoder  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = ["GGGAAACUCC", "A", "ACGUACGUNACGRACGUACGUU", "CCCGGGUUUAAACC"]
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
KINDS = {
    "compact": {},
    "compact-deep": {},
    "words": {},
    "rinalmo-micro": SMALL,
    "rnafm": SMALL,
    "rnabert": SMALL,
    "omnigenome-52m": SMALL,
    "omnigenome-52m+structure": SMALL,
}


def save_public(name: str, directory: Path) -> Path:
    """Writes a small model with random weights as a download of `name` would lie there."""
    torch.manual_seed(3)
    if name.startswith("omnigenome"):
        transformers = pytest.importorskip("transformers")
        marks = ["<cls>", "<pad>", "<eos>", "<unk>", *"ACGUN().", "<mask>"]
        directory.mkdir(parents=True)
        (directory / "vocab.txt").write_text("\n".join(marks) + "\n")
        transformers.EsmTokenizer(str(directory / "vocab.txt")).save_pretrained(directory)
        config = transformers.EsmConfig(
            vocab_size=len(marks), pad_token_id=1, mask_token_id=len(marks) - 1,
            position_embedding_type="rotary", **SMALL,
        )  # fmt: skip
        transformers.EsmModel(config, add_pooling_layer=False).save_pretrained(directory)
        return directory
    multimolecule = pytest.importorskip("multimolecule")
    prefix = PUBLIC[name].model
    config = getattr(multimolecule, f"{prefix}Config")(**SMALL)
    getattr(multimolecule, f"{prefix}Model")(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module", params=list(KINDS))
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Returns each encoder in turn."""
    torch.manual_seed(1)
    if request.param == "compact":
        return CompactEncoder(CompactConfig(max_length=60)).eval()
    if request.param == "compact-deep":
        return CompactEncoder(CompactConfig(hidden_size=32, layers=2)).eval()
    if request.param == "words":
        return WordsEncoder(WordsConfig(filters=32, width=3, threshold=1, max_length=60)).eval()
    name, _, structure = request.param.partition("+")
    source = save_public(name, tmp_path_factory.mktemp("public") / name)
    info = EncoderInfo(kind=PUBLIC[name].kind, hub_id=PUBLIC[name].hub_id, config={"structure": bool(structure)})
    made = load_encoder(info, source)
    assert isinstance(made, torch.nn.Module)
    return made.eval()


@torch.no_grad()
def test_a_padded_batch_gives_the_states_of_single_sequences(encoder: Any) -> None:
    batch = encoder.tokenize(SEQUENCES)
    states = encoder.encode(batch)
    assert states.shape == (*batch.ids.shape, encoder.hidden_size)
    for row, sequence in enumerate(SEQUENCES):
        alone = encoder.tokenize([sequence])
        expected = encoder.encode(alone)[0][alone.residues[0]]
        torch.testing.assert_close(states[row][batch.residues[row]], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_residues_mark_nucleotides_and_padding_is_never_attended(encoder: Any) -> None:
    batch = encoder.tokenize(SEQUENCES)
    assert batch.residues.sum(1).tolist() == [len(s) for s in SEQUENCES]
    assert not (batch.residues & ~batch.attention).any()
    assert batch.attention.any(1).all()


@torch.no_grad()
def test_states_depend_on_the_sequence(encoder: Any) -> None:
    states = encoder.encode(encoder.tokenize(["ACGUACGUAC", "ACGUAGGUAC"]))
    assert not torch.allclose(states[0], states[1])


def test_empty_and_too_long_sequences_are_refused(encoder: Any) -> None:
    with pytest.raises(InputError, match="empty"):
        encoder.tokenize(["ACGU", ""])
    with pytest.raises(InputError, match=f"limit of {encoder.max_length}"):
        encoder.tokenize(["A" * (encoder.max_length + 1)])


@torch.no_grad()
def test_the_longest_sequence_runs(encoder: Any) -> None:
    if encoder.kind == "omnigenome":
        pytest.skip("folding a long sequence takes too long, and rotary positions have no limit")
    batch = encoder.tokenize(["ACGU" * (encoder.max_length // 4) + "A" * (encoder.max_length % 4)])
    assert torch.isfinite(encoder.encode(batch)).all()


@pytest.mark.parametrize("name", ["rnafm", "omnigenome-52m"])
def test_missing_parameters_are_refused(name: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = save_public(name, tmp_path / name)
    weights = load_file(source / "model.safetensors")
    del weights[max(weights)]
    save_file(weights, source / "model.safetensors", metadata={"format": "pt"})
    info = EncoderInfo(kind=PUBLIC[name].kind, hub_id=PUBLIC[name].hub_id)
    with pytest.raises(ArtefactError, match="lack 1 parameters"):
        load_encoder(info, source)


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    info = EncoderInfo(kind="multimolecule", hub_id=PUBLIC["rnafm"].hub_id)
    with pytest.raises(InputError, match=r"config\.json"):
        load_encoder(info, tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no weights"):
        load_encoder(info, tmp_path)


def test_an_unknown_encoder_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="rinalmo-giga"):
        load_encoder(EncoderInfo(kind="multimolecule", hub_id="nobody/nothing"), None)


def test_without_the_library_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rhoma.models.encoders.multimolecule", None)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ToolError, match="pip install"):
        load_encoder(EncoderInfo(kind="multimolecule", hub_id=PUBLIC["rnafm"].hub_id), tmp_path)


def test_the_fingerprint_follows_the_weights(tmp_path: Path) -> None:
    info = EncoderInfo(kind="multimolecule", hub_id=PUBLIC["rnafm"].hub_id)
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = weights_sha256(info, tmp_path)
    assert first == weights_sha256(info, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert weights_sha256(info, tmp_path) != first
    assert weights_sha256(info, None) not in (first, weights_sha256(info, tmp_path))
