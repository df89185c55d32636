"""Settings under one name."""

from __future__ import annotations

from typing import Any

# Jiang 2025, as far as the paper tells: RiNALMo-giga, the head on the pooled vector, whole sequences of 50 to
# 1,024 nt (the encoder takes 1,022), clan-mates as negatives, 1,024 sequences a step (4 GPUs of 256). Not told: the
# temperature (here pytorch-metric-learning's default), the learning rate. LoRA on an untrained head, as the paper
# has it, leaves random weights in place; here the head is trained.
_PAPER: dict[str, Any] = {
    "name": "jiang2025",
    "encoder": "rinalmo-giga",
    "head": {"kind": "pooled", "hidden_size": 512, "layers": 6, "heads": 8, "dimension": 512},
    "whitened": 0,
    "cache": True,
    "stride": 511,
    "min_length": 50,
    "max_length": 1024,
    "train": {
        "families": 512,
        "views": 2,
        "synthetic": 0,
        "negatives": 0,
        "hard": 0.0,
        "nearest": 0.0,
        "clan": "negative",
        "temperature": 0.1,
        "learning_rate": 1e-4,
        "augment": {
            "window": 1022,
            "substitutions": 0.0,
            "synthetic_substitutions": (0.0, 0.0),
            "indels": 0.0,
            "bare": 1.0,
            "truncate": 0.0,
            "grid": 2,
        },
    },
}
PRESETS: dict[str, dict[str, Any]] = {"jiang2025": _PAPER}
