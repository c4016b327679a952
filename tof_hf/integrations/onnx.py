"""Export of a tagger to an ONNX file, which `tof_hf.load_tagger` reads."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForTokenClassification

from tof_hf.data.tokenizers import load_tokenizer
from tof_hf.errors import DataError, ModelError
from tof_hf.inference.tagger import Tagger
from tof_hf.modeling.checkpoints import load_whole
from tof_hf.modeling.onnx_model import INPUTS, ONNX_FILE, OnnxModel, is_onnx_folder
from tof_hf.storage.files import replace_folder, temporary_folder
from tof_hf.storage.publishing import remove_folders
from tof_hf.utils.extras import require

LONGEST_CHECK = 512  # pieces; attention over a window of 8192 would need gigabytes


def export_onnx(model: str, out: str | Path, *, revision: str | None = None, int8: bool = False) -> Path:
    """The folder `out`, after writing model.onnx, config.json and the tokenizer of a tagger there.

    model.onnx takes `input_ids` and `attention_mask` of any batch size and length, and returns `logits` in single
    precision; weights of more than 1.5 GB are in a second file. The folder appears complete or not at all.

    Args:
        model: a folder or a Hub id.
        out: a new folder, or an older export, which is replaced.
        revision: branch, tag or commit of a Hub repository.
        int8: store and compute the products with weights in 8-bit integers, after the file was checked without.

    Raises:
        ModelError: the architecture cannot be exported, or onnxruntime's logits differ from torch's.
        DataError: there are other files in `out`.

    Example:
        >>> export_onnx("runs/spanish/final", "spanish-onnx")
    """
    require("onnx", "onnx", "onnxscript", "onnxruntime")
    folder = Path(os.path.realpath(out))
    _check_free(folder)
    loading: dict[str, Any] = {} if revision is None else {"revision": revision}
    loaded, _ = load_whole(AutoModelForTokenClassification, model, **loading)
    tagger = Tagger(loaded, load_tokenizer(model, **loading), device="cpu")
    with temporary_folder(folder.parent) as part:
        loaded.config.save_pretrained(part)
        tagger.tokenizer.save_pretrained(part)
        remove_folders(part)
        _write(tagger, part / ONNX_FILE, model)
        _check_same(tagger, OnnxModel(part), model)
        if int8:
            _quantize(part / ONNX_FILE)
            tagger = Tagger(OnnxModel(part), tagger.tokenizer, device="cpu")
            tagger(["a"])
        _check_free(folder)
        replace_folder(part, folder)
    return Path(out)


class _Logits(torch.nn.Module):
    """The model with only the two inputs and the output of the file."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def _check_free(folder: Path) -> None:
    """Raise DataError unless the folder is new, empty or an older export."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    own = {"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    others = [path for path in folder.rglob("*") if path.name not in own and not path.name.startswith(ONNX_FILE)]
    if others or not is_onnx_folder(folder):
        raise DataError("other files in the folder for the export.", fix="name a new folder.", path=folder)


def _write(tagger: Tagger, path: Path, name: str) -> None:
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=tagger.window)}
    try:
        program = torch.onnx.export(
            _Logits(tagger.model).eval(),
            _some_input(tagger, 2, min(9, tagger.window)),
            dynamo=True,
            input_names=INPUTS,
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(INPUTS, sizes),
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as problem:
        kind = tagger.model.config.model_type
        why = str(problem.__cause__ or problem).partition("\n")[0]  # the rest is pages of advice
        raise ModelError(f"{name}: torch cannot export a {kind} tagger to ONNX. {why}") from problem
    assert program is not None  # torch.onnx.export returns None only without dynamo
    ClearMetadataAndDocStringPass()(program.model)  # every node has source paths of this machine
    program.save(path)


def _quantize(path: Path) -> None:
    """Replace the file by one whose products with weights are in 8-bit integers; embeddings stay as they are."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with temporary_folder(path.parent) as part:
        quantize_dynamic(
            path,
            part / ONNX_FILE,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=path.with_name(f"{ONNX_FILE}.data").exists(),
        )
        for old in path.parent.glob(f"{ONNX_FILE}*"):
            old.unlink()
        for new in part.iterdir():
            new.replace(path.with_name(new.name))


def _some_input(tagger: Tagger, batch: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random pieces from a fixed seed; the second half of the first row is padding."""
    padding = tagger.tokenizer.pad_token_id
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(tagger.model.config.vocab_size, (batch, length), generator=generator)
    ids[ids == padding] = (padding + 1) % tagger.model.config.vocab_size
    mask = torch.ones_like(ids)
    mask[0, (length + 1) // 2 :] = 0
    return ids.masked_fill(mask == 0, padding), mask


@torch.inference_mode()
def _check_same(tagger: Tagger, exported: OnnxModel, name: str) -> None:
    longest = min(tagger.window, LONGEST_CHECK)
    for batch, length in ((1, min(3, longest)), (3, min(40, longest)), (2, longest)):
        ids, mask = _some_input(tagger, batch, length)
        kept = mask.bool()
        expected = tagger.model(input_ids=ids, attention_mask=mask).logits[kept].numpy()
        found = exported(input_ids=ids, attention_mask=mask)["logits"][kept].numpy()
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-4):
            raise ModelError(
                f"{name}: for {batch} texts of {length} pieces onnxruntime's logits differ from torch's by up to "
                f"{np.abs(found - expected).max():.2g}. Nothing was written. What to do: use the tagger as it is."
            )
