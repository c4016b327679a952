"""What this machine computes with."""

from __future__ import annotations

import torch


def has_bf16() -> bool:
    """Whether this machine computes in bfloat16 natively, so that autocast to it is faster, not slower."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def best_device() -> torch.device:
    """The GPU if there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
