"""Loading a tokenizer so that words given one by one are cut as they would be in running text."""

from __future__ import annotations

import functools
import json
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from tof_hf.errors import ModelError
from tof_hf.utils.log import warn
from tof_hf.utils.pretrained import load_pretrained

# These models number positions from padding_idx + 1, so that many positions of the table are never used.
_OFFSET_POSITIONS = {
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "camembert",
    "roberta-prelayernorm",
    "longformer",
}
_FEW = 0.01  # of the pieces of a vocabulary without capitals, at most so many have one all the same
_UNSET = 1_000_000  # tokenizers without a window carry a huge number
_NO_ENCODER = (
    "no encoder with a tokenizer can be loaded from there. Name a folder with config.json, weights and tokenizer "
    "files, or a Hub id."
)


def load_tokenizer(name_or_path: str, **loading: Any) -> PreTrainedTokenizerBase:
    """A fast tokenizer whose words keep their leading space; raises ModelError if there is none.

    Byte-level BPE (RoBERTa, ModernBERT) marks word starts by the space before them and silently loses the mark for
    words handed over as a list; it is switched to add the space, and so it is saved. `loading` goes to
    `from_pretrained` (`revision`, `token`, ...).
    """
    tokenizer = _load(AutoTokenizer, name_or_path, **loading)
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        # transformers makes an empty tokenizer of a folder with nothing but a config.json.
        raise ModelError(
            f"{name_or_path}: the tokenizer knows no word piece. Put the encoder's tokenizer.json (or vocab.txt, or "
            "sentencepiece.bpe.model) and tokenizer_config.json into the folder."
        )
    if not tokenizer.is_fast:
        raise ModelError(
            f"{name_or_path}: this model has no fast tokenizer, and word boundaries need one. "
            "Take an encoder with a tokenizer.json, e.g. google-bert/bert-base-multilingual-cased."
        )
    if _add_prefix_space(json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"]):
        # A class with a backend of its own (RobertaTokenizer) takes and saves the option, the generic one ignores it.
        tokenizer = _load(AutoTokenizer, name_or_path, add_prefix_space=True, **loading)
        backend = tokenizer.backend_tokenizer
        layout = json.loads(backend.to_str())
        steps = [_add_prefix_space(layout[step]) for step in ("pre_tokenizer", "post_processor")]
        if any(steps):
            # The post-processor must know of the added space too, or the first word's offset is one too far.
            changed = Tokenizer.from_str(json.dumps(layout))
            backend.pre_tokenizer, backend.post_processor = changed.pre_tokenizer, changed.post_processor
    tokenizer.padding_side = "right"  # as our collators pad labels; XLNet's would pad the left
    tokenizer.init_kwargs.pop("auto_map", None)  # else a saved copy would refer to Python files that it does not have
    return tokenizer


def load_encoder_tokenizer(name_or_path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of an encoder, its `model_max_length` set to the encoder's window (and saved with it).

    Of a BERT folder with nothing but vocab.txt (SpanBERT) transformers makes a tokenizer that makes all letters small;
    where the vocabulary has capitals they are kept.
    """
    tokenizer = load_tokenizer(name_or_path)
    if _loses_capitals(tokenizer):
        cased = load_tokenizer(name_or_path, do_lower_case=False)
        if not _loses_capitals(cased):  # tokenizers of other classes do not know the option
            _tell_of_capitals(name_or_path)
            tokenizer = cased
    tokenizer.model_max_length = model_window(tokenizer, _load(AutoConfig, name_or_path))
    return tokenizer


def _load(auto: Any, name_or_path: str, **loading: Any) -> Any:
    return load_pretrained(auto, name_or_path, if_unreadable=_NO_ENCODER, **loading)


def _loses_capitals(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer makes letters small, so that pieces of its vocabulary with capitals are never used."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None or normalizer.normalize_str("A") != "a":
        return False
    pieces = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    return sum(piece != piece.lower() for piece in pieces) > len(pieces) * _FEW


@functools.cache
def _tell_of_capitals(name_or_path: str) -> None:
    warn(
        f"{name_or_path}: its tokenizer makes all letters small, but its vocabulary has capitals, so they are kept. "
        "Write do_lower_case: false into its tokenizer_config.json to have it said there."
    )


def _add_prefix_space(layout: dict[str, Any] | None) -> bool:
    """True if a byte-level step was found that did not add the space (it does afterwards)."""
    if layout is None:
        return False
    if layout["type"] == "Sequence":
        return any([_add_prefix_space(step) for key in ("pretokenizers", "processors") for step in layout.get(key, [])])
    if layout["type"] in {"ByteLevel", "RobertaProcessing"} and not layout["add_prefix_space"]:
        layout["add_prefix_space"] = True
        return True
    return False


def model_window(tokenizer: PreTrainedTokenizerBase, config: Any) -> int:
    """The longest input, in pieces with the special ones, that this encoder takes."""
    # Read from the dictionary: relative-position encoders (XLNet-like) have no such field, or -1.
    positions = config.to_dict().get("max_position_embeddings") or 0
    if config.model_type in _OFFSET_POSITIONS:
        positions -= config.pad_token_id + 1
    limits = [n for n in (tokenizer.model_max_length, positions) if 0 < n < _UNSET]
    return min(limits, default=512)
