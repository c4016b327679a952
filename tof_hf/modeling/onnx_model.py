"""A tagger's ONNX file, computed by onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from transformers.modeling_outputs import TokenClassifierOutput

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import read_config
from tof_hf.utils.extras import require

ONNX_FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask")
_TORCH_FILES = (".safetensors", ".bin")


def is_onnx_folder(folder: Path) -> bool:
    """Whether the folder holds model.onnx and no weights for torch."""
    return os.path.isfile(folder / ONNX_FILE) and not any(path.suffix in _TORCH_FILES for path in folder.iterdir())


class OnnxModel:
    """The part of a model's interface that a Tagger needs, computed by onnxruntime."""

    def __init__(self, folder: str | Path) -> None:
        require("onnx", "onnxruntime")
        import onnxruntime

        self.config = read_config(str(folder))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # so that OMP_NUM_THREADS limits both
        path = Path(folder) / ONNX_FILE
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # its errors have no common class
            raise ModelError(f"{path}: no ONNX model that onnxruntime can load. {problem}") from problem
        inputs = {node.name for node in self.session.get_inputs()}
        if inputs != set(INPUTS):
            raise ModelError(
                f"{path} takes {', '.join(sorted(inputs))} instead of {', '.join(INPUTS)}. "
                "What to do: export the tagger with tof_hf.integrations.onnx.export_onnx."
            )

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> TokenClassifierOutput:
        """The logits, as a model of transformers gives them."""
        feed = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        return TokenClassifierOutput(logits=torch.from_numpy(self.session.run(["logits"], feed)[0]))

    def eval(self) -> OnnxModel:
        """This model, which is always in evaluation mode."""
        return self

    def to(self, device: torch.device) -> OnnxModel:
        """This model; ModelError unless the device is the CPU."""
        if device.type != "cpu":
            raise ModelError(f"An ONNX tagger runs on the CPU, not on {device}. What to do: leave device out.")
        return self
