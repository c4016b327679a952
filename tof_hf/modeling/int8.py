"""Linear layers in 8-bit integers for taggers on a CPU: faster than single precision, slower than native bfloat16.

Weights have a scale for each output; inputs are rounded when they come. These are the operators of torch's own dynamic
quantization, whose Python interface is deprecated.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import encoder_of


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scales = (weight.abs().amax(1) / _largest_weight()).clamp(min=1e-9).double()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of their deprecation; torch has no others that are faster
            zeros = torch.zeros(len(scales), dtype=torch.long)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = None if layer.bias is None else layer.bias.detach().float()
        self.packed = torch.ops.quantized.linear_prepack(rounded, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Single precision, for inputs of any."""
        return torch.ops.quantized.linear_dynamic(inputs.float(), self.packed, reduce_range=False)


def _largest_weight() -> int:
    """127, or 63 on processors whose sums of two 8-bit products overflow.

    Torch rounds inputs to 7 bits instead, which costs 6 points of F1: they have one scale for all, unlike weights.
    """
    capabilities = torch.cpu.get_capabilities()
    has_vnni = any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return 127 if has_vnni or capabilities.get("architecture") != "x86_64" else 63


def quantize(model: Any) -> Any:
    """The model, whose encoder's linear layers are now `Int8Linear`. Raises ModelError if this torch lacks them."""
    if torch.backends.quantized.engine == "none" or not hasattr(torch, "quantize_per_channel"):
        raise ModelError("This build of torch has no 8-bit layers for this processor. What to do: leave quantize out.")
    for module in list(encoder_of(model).modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is nn.Linear:
                setattr(module, name, Int8Linear(layer))
    return model
