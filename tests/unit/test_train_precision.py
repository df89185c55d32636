from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from rhoma.train import precision  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    precision.processor_has_bf16.cache_clear()
    yield
    precision.processor_has_bf16.cache_clear()


def product(choice: precision.Precision) -> torch.dtype:
    with precision.autocast(torch.device("cpu"), choice):
        dtype: torch.dtype = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    return dtype


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ],
)
def test_auto_asks_the_processor(
    capabilities: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert product("auto") == dtype
    assert product("bf16") == torch.bfloat16
    assert product("fp32") == torch.float32


def test_a_torch_that_does_not_tell_means_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert product("auto") == torch.float32


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
def test_a_gpu_has_it() -> None:
    # the context alone: entering it needs the device
    assert precision.autocast(torch.device("cuda"), "auto").fast_dtype == torch.bfloat16  # type: ignore[attr-defined]
