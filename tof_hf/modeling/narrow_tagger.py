"""A tagger with only those pieces of its vocabulary that some texts need: a smaller file, the same predictions on them.

For a text whose pieces are all kept, the best segmentation of a unigram model, the longest match of WordPiece and the
merges of BPE are those of the whole vocabulary, because nothing that they chose is missing.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from tof_hf.data.tokenizers import load_tokenizer
from tof_hf.errors import ModelError

_SETTINGS = "tokenizer_config.json"


def narrow_tagger(tagger: str | Path, sentences: Iterable[Sequence[str]], out: Path) -> int:
    """Save the tagger with only the pieces of these sentences, of their characters, and special ones.

    Args:
        tagger: the folder of a tagger with a fast tokenizer.
        sentences: their words; predictions stay the same on texts that have no other pieces.
        out: an empty folder.

    Returns:
        The number of pieces kept.

    Raises:
        ModelError: if the tokenizer is of another kind than unigram, WordPiece and BPE, or splits the sentences in
            another way with fewer pieces.
    """
    tokenizer = load_tokenizer(str(tagger))
    model: Any = AutoModelForTokenClassification.from_pretrained(str(tagger), trust_remote_code=False)
    sentences = list(sentences)
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = sorted(_needed(tokenizer, whole, sentences))
    ids = {old: new for new, old in enumerate(kept)}
    embedding = model.get_input_embeddings()
    pad = model.config.pad_token_id
    others = [one for one in model.modules() if isinstance(one, nn.Embedding) and one is not embedding]
    if pad is not None and ids[pad] != pad and any(one.padding_idx == pad for one in others):  # positions count from it
        raise ModelError(f"{tagger}: padding would get another id. What to do: publish the whole vocabulary.")
    narrow = nn.Embedding(len(kept), embedding.embedding_dim, padding_idx=None if pad is None else ids[pad])
    narrow.weight.data = embedding.weight.data[torch.tensor(kept)].clone()
    model.set_input_embeddings(narrow)
    model.config.vocab_size = len(kept)
    for name, value in vars(model.config).items():
        if name.endswith("_token_id") and isinstance(value, int):
            setattr(model.config, name, ids[value])
    model.save_pretrained(out)
    (out / "tokenizer.json").write_text(json.dumps(_cut(whole, ids), ensure_ascii=False), encoding="utf-8")
    if (Path(tagger) / _SETTINGS).is_file():
        settings = json.loads((Path(tagger) / _SETTINGS).read_text(encoding="utf-8"))
        settings.pop("added_tokens_decoder", None)
        (out / _SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=2), encoding="utf-8")
    _check(tokenizer, load_tokenizer(str(out)), ids, sentences, out)
    return len(kept)


def _needed(
    tokenizer: PreTrainedTokenizerBase, whole: Mapping[str, Any], sentences: Sequence[Sequence[str]]
) -> set[int]:
    """The ids of special pieces, of pieces of the sentences, and of those that stand for single characters of them."""
    kind, vocab = whole["model"].get("type"), tokenizer.get_vocab()
    if kind not in ("Unigram", "WordPiece", "BPE"):
        raise ModelError(f"the tokenizer is a {kind} model. What to do: publish the whole vocabulary.")
    needed = {*tokenizer.all_special_ids, *(token["id"] for token in whole["added_tokens"])}
    for text in _texts(sentences):
        needed.update(tokenizer(text, is_split_into_words=not isinstance(text, str), verbose=False)["input_ids"])
    letters = {letter for words in sentences for word in words for letter in word}
    signs = {"▁", *letters, *(f"##{letter}" for letter in letters)}
    for piece, number in vocab.items():
        is_byte = kind != "WordPiece" and (len(piece) == 1 and kind == "BPE" or piece.startswith("<0x"))
        if piece in signs or is_byte:
            needed.add(number)
    if kind == "Unigram" and whole["model"]["unk_id"] is not None:
        needed.add(whole["model"]["unk_id"])
    if kind == "BPE":
        parts: dict[str, list[str]] = {}
        for left, right in map(_pair, whole["model"]["merges"]):
            parts.setdefault(left + right, []).extend((left, right))
        names = {number: piece for piece, number in vocab.items()}
        waiting = list(needed)
        while waiting:
            more = {vocab[part] for part in parts.get(names[waiting.pop()], ())} - needed
            needed |= more
            waiting += more
    return needed


def _texts(sentences: Sequence[Sequence[str]]) -> Iterable[Any]:
    """Each sentence as words, as our tagger reads it, and as a text, as the stock pipeline does."""
    for words in sentences:
        if words:
            yield list(words)
            yield " ".join(words)


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _cut(whole: dict[str, Any], ids: Mapping[int, int]) -> dict[str, Any]:
    """The file of the tokenizer with these pieces, by old id, and their new ids everywhere."""
    model = whole["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [piece for number, piece in enumerate(model["vocab"]) if number in ids]
        model["unk_id"] = ids.get(model["unk_id"])
    else:
        model["vocab"] = {piece: ids[number] for piece, number in model["vocab"].items() if number in ids}
    if model["type"] == "BPE":
        pairs = [_pair(merge) for merge in model["merges"]]
        vocab = model["vocab"]
        model["merges"] = [[a, b] for a, b in pairs if a in vocab and b in vocab and a + b in vocab]
    for token in whole["added_tokens"]:
        token["id"] = ids[token["id"]]
    if whole.get("padding"):
        whole["padding"]["pad_id"] = ids[whole["padding"]["pad_id"]]
    _renumber(whole.get("post_processor"), ids)
    return whole


def _renumber(processor: dict[str, Any] | None, ids: Mapping[int, int]) -> None:
    """Give the special pieces that a processor adds their new ids."""
    if processor is None:
        return
    for one in processor.get("processors", ()):
        _renumber(one, ids)
    for special in processor.get("special_tokens", {}).values():
        special["ids"] = [ids[number] for number in special["ids"]]
    for name in {"cls", "sep"} & processor.keys():
        piece, number = processor[name]
        processor[name] = [piece, ids[number]]


def _check(
    before: PreTrainedTokenizerBase,
    after: PreTrainedTokenizerBase,
    ids: Mapping[int, int],
    sentences: Sequence[Sequence[str]],
    out: Path,
) -> None:
    """Raise a ModelError, and remove the folder, if a sentence has other pieces than before."""
    for text in _texts(sentences):
        split = {"is_split_into_words": not isinstance(text, str), "verbose": False}
        if [ids[number] for number in before(text, **split)["input_ids"]] != after(text, **split)["input_ids"]:
            shutil.rmtree(out)
            raise ModelError(f"the tokenizer splits {text!r} in another way. What to do: publish the whole vocabulary.")
