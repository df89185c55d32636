"""LoRA on the attention of a public encoder: adapters while it trains, plain weights when it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rhoma.errors import InputError, ToolError

if TYPE_CHECKING:
    from rhoma.models.encoders.protocol import Encoder

# the whole name has to match: a bare "dense" or "query" would also meet layers of other parts
_ATTENTION = r".*\.(attention|attn)\.self\.(query|key|value)"


def add_adapters(encoder: Encoder, rank: int, *, gradient_checkpointing: bool = False) -> None:
    """Put LoRA adapters on q, k and v of every attention layer of `encoder`; everything else of it is frozen.

    Args:
        encoder: a public encoder.
        rank: of the adapters; their scale is alpha / rank = 2.
        gradient_checkpointing: make activations again in the backward pass in place of keeping them.

    Raises:
        InputError: the encoder has no such layers.
        ToolError: peft is not installed.
    """
    model: Any = getattr(encoder, "model", None)
    if model is None:
        raise InputError(
            f"the {encoder.kind} encoder is trained as a whole", remedy="set lora for a public encoder only"
        )
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ToolError("peft", f"cannot be imported ({error})", remedy="pip install 'rhoma[train]'") from error
    if gradient_checkpointing:
        # transformers 5 has a new name for it
        getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
        model.enable_input_require_grads()
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, bias="none", target_modules=_ATTENTION)
    try:
        adapted = get_peft_model(model, settings)
    except ValueError as error:
        raise InputError(
            f"{encoder.kind}: no attention layer to adapt ({str(error).splitlines()[0]})",
            remedy="set lora=0",
        ) from error
    encoder.model = adapted  # type: ignore[attr-defined]


def merge_adapters(encoder: Encoder) -> None:
    """Add the adapters of `encoder` to its weights and take them away: the same states, without peft."""
    model: Any = getattr(encoder, "model", None)
    if hasattr(model, "merge_and_unload"):
        merged = model.merge_and_unload()
        # adapters need it in training only
        getattr(merged, "activation_checkpointing_disable", merged.gradient_checkpointing_disable)()
        encoder.model = merged  # type: ignore[attr-defined]
