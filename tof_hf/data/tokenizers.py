"""Loading a tokenizer that splits a list of words as it would split running text."""

import functools
import json
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from tof_hf.errors import ModelError, reason_of
from tof_hf.utils.log import warn
from tof_hf.utils.pretrained import load_pretrained

# These models number positions from padding_idx + 1, so that many positions of the table are never used.
_OFFSET_POSITIONS = frozenset("roberta xlm-roberta xlm-roberta-xl camembert roberta-prelayernorm longformer".split())
_FEW = 0.01  # the most pieces with a capital, as a share, in a vocabulary without capitals
_UNSET = 1_000_000  # tokenizers without a window carry a huge number
_NO_ENCODER = (
    "no encoder with a tokenizer can be loaded from there. Name a folder with config.json, weights and tokenizer "
    "files, or a Hub id."
)
_load = functools.partial(load_pretrained, if_unreadable=_NO_ENCODER)


def load_tokenizer(name_or_path: str, **loading: Any) -> PreTrainedTokenizerBase:
    """Return a fast tokenizer that splits a list of words as it would split running text.

    Byte-level BPE (RoBERTa, ModernBERT) marks word starts by the space before them and loses the mark for words in a
    list; the tokenizer is set to add the space, and is saved that way.

    Args:
        name_or_path: A folder or a Hub id.
        **loading: Options of `from_pretrained` (`revision`, `token`, ...).

    Returns:
        A tokenizer that pads on the right.

    Raises:
        ModelError: There is no fast tokenizer.

    Example:
        >>> tokenizer = load_tokenizer("FacebookAI/xlm-roberta-base")
    """
    tokenizer = _load(AutoTokenizer, name_or_path, **loading)
    try:
        is_empty = len(tokenizer) <= len(tokenizer.all_special_ids)
        if not is_empty:
            tokenizer.pad(tokenizer(["a", "a a"], verbose=False))
    except Exception as problem:  # such as a TypeError for a model_max_length that is no number
        raise ModelError(f"{name_or_path}: {_NO_ENCODER} {reason_of(problem)}") from problem
    if is_empty:
        # For a folder with only a config.json, transformers returns an empty tokenizer.
        raise ModelError(
            f"{name_or_path}: the tokenizer has no word pieces. Put the encoder's tokenizer.json (or vocab.txt, or "
            "sentencepiece.bpe.model) and tokenizer_config.json into the folder."
        )
    if not tokenizer.is_fast:
        raise ModelError(
            f"{name_or_path}: this model has no fast tokenizer, and word boundaries need one. "
            "Take an encoder with a tokenizer.json, e.g. google-bert/bert-base-multilingual-cased."
        )
    if _add_prefix_space(json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"]):
        # Model-specific classes (RobertaTokenizer) accept and save the option; the generic class ignores it.
        tokenizer = _load(AutoTokenizer, name_or_path, add_prefix_space=True, **loading)
        backend = tokenizer.backend_tokenizer
        layout = json.loads(backend.to_str())
        steps = [_add_prefix_space(layout[step]) for step in ("pre_tokenizer", "post_processor")]
        if any(steps):
            # Without the option in the post-processor, the offset of the first word is one too high.
            changed = Tokenizer.from_str(json.dumps(layout))
            backend.pre_tokenizer, backend.post_processor = changed.pre_tokenizer, changed.post_processor
    tokenizer.padding_side = "right"  # as our collators pad labels; XLNet's would pad the left
    tokenizer.init_kwargs.pop("auto_map", None)  # else a saved copy would refer to Python files that it does not have
    return tokenizer


def load_encoder_tokenizer(name_or_path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of an encoder, its `model_max_length` set to the encoder's window (and saved with it).

    For a BERT folder with only vocab.txt (SpanBERT), transformers returns a tokenizer that lowercases; this one keeps
    capitals if the vocabulary has any.
    """
    tokenizer = load_tokenizer(name_or_path)
    if _loses_capitals(tokenizer):
        cased = load_tokenizer(name_or_path, do_lower_case=False)
        if not _loses_capitals(cased):  # tokenizers of other classes ignore the option
            _warn_of_capitals(name_or_path)
            tokenizer = cased
    tokenizer.model_max_length = model_window(tokenizer, _load(AutoConfig, name_or_path))
    return tokenizer


def _loses_capitals(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer lowercases, so that pieces of its vocabulary with capitals are never used."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None or normalizer.normalize_str("A") != "a":
        return False
    pieces = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    return sum(piece != piece.lower() for piece in pieces) > len(pieces) * _FEW


@functools.cache
def _warn_of_capitals(name_or_path: str) -> None:
    warn(
        f"{name_or_path}: its tokenizer lowercases, but its vocabulary has capitals, so they are kept. "
        "To silence this, write do_lower_case: false into its tokenizer_config.json."
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
    """The longest input of this encoder, in pieces, special pieces included."""
    # Read from the dictionary: relative-position encoders (XLNet-like) have no such field, or -1.
    positions = config.to_dict().get("max_position_embeddings") or 0
    if config.model_type in _OFFSET_POSITIONS:
        positions -= config.pad_token_id + 1
    limits = [int(n) for n in (tokenizer.model_max_length, positions) if 1 <= n < _UNSET]
    return min(limits, default=512)
