"""The toy world: a small bilingual corpus, all of it generated, on which a whole TOF run takes minutes.

English news with entity tags is the source, Spanish news is the target. Both regions have names of their own,
so target entities are mostly unseen in the source, and a root such as Valdoro may be a surname, a town or a club.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import frames, names, news
from .names import Filler
from .writing import ROLE, Writer, realise, tokens_and_tags

Row = dict[str, Any]
FOREIGN_FORMS = 0.25  # share of names in pretraining text that keep the other language's form
LONG_CONTEXTS = 0.2  # share of questions whose context has a second sentence, which does not answer them
SIZES = {
    "tiny": {
        "source_sentences": 40,
        "target_sentences": 40,
        "heldout_sentences": 20,
        "questions": 30,
        "pretraining_sentences": 60,
    },
    "quickstart": {
        "source_sentences": 800,
        "target_sentences": 1200,
        "heldout_sentences": 400,
        "questions": 2000,
        "pretraining_sentences": 30000,
    },
}


@dataclass(frozen=True)
class World:
    """The corpora of one toy world, as lists of plain rows.

    NER rows: id, tokens, ner_tags (strict IOB2, as strings); `target_text` has no tags. Question rows: id,
    question, context, spans (one {start, end} in characters, end exclusive), label (always None).
    `pretraining_text` is general text, every line in both languages and about both regions.
    `target_gold` is for the final score alone.
    """

    source_train: list[Row]
    source_validation: list[Row]
    source_test: list[Row]
    target_text: list[Row]
    target_gold: list[Row]
    source_qa: list[Row]
    target_qa: list[Row]
    pretraining_text: list[str]


def _ner_rows(writer: Writer, frame_list: Sequence[frames.Frame], language: str, prefix: str, count: int) -> list[Row]:
    rows = []
    for number in range(count):
        sentence = writer.sentence(frame_list, language)
        tokens, tags = tokens_and_tags(sentence.text, sentence.mentions)
        rows.append({"id": f"{prefix}-{number}", "tokens": tokens, "ner_tags": tags})
    return rows


def _qa_rows(writer: Writer, frame_list: Sequence[frames.Frame], language: str, prefix: str, count: int) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < count:
        about = writer.sentence(frame_list, language)
        roles = {mention.role for mention in about.mentions}
        askable = []
        for role, question_en, question_es in about.frame.questions:
            question = question_en if language == "en" else question_es
            if question and role in roles and roles.issuperset(ROLE.findall(question)):
                askable.append((role, question))
        if not askable:
            continue
        role, wording = writer.rng.choice(askable)
        question, _ = realise(wording, about.fillers, language)
        context, shift = about.text, 0
        if writer.rng.random() < LONG_CONTEXTS:
            other = writer.sentence(frame_list, language).text
            before = writer.rng.random() < 0.5
            context = f"{other} {about.text}" if before else f"{about.text} {other}"
            shift = len(other) + 1 if before else 0
        spans = [{"start": m.start + shift, "end": m.end + shift} for m in about.mentions if m.role == role]
        rows.append(
            {"id": f"{prefix}-{len(rows)}", "question": question, "context": context, "spans": spans, "label": None}
        )
    return rows


def _foreign(rng: random.Random, fillers: dict[str, Filler]) -> dict[str, Filler]:
    """Names in the other language's form now and then, as papers often leave them (the Universidad de Salmonte)."""
    return {
        role: replace(filler, en=filler.es, es=filler.en)
        if filler.label is not None and rng.random() < FOREIGN_FORMS
        else filler
        for role, filler in fillers.items()
    }


def _pretraining_lines(rng: random.Random, count: int, copied_names: float, talk_share: float) -> list[str]:
    """General text, a line in both languages: the same said of other people and places, as phrase books do.

    A name is the same in both halves for the share `copied_names`; were it always, the encoder would copy it and not
    learn to read its type from the sentence. `talk_share` is the share of lines that begin with a question.
    """
    writers = [Writer(rng, names.NORTH, names.SOUTH, 0.3), Writer(rng, names.SOUTH, names.NORTH, 0.3)]
    lines = []
    for _ in range(count):
        first, second = rng.choices(writers, k=2)
        frame = rng.choice(frames.GENERAL + news.NEWS)
        wordings = first.wordings(frame, news=False)
        fillers = first.fillers(wordings.values())
        others = {
            role: filler if filler.label is None or rng.random() < copied_names else second.filler(role)
            for role, filler in fillers.items()
        }
        questions = [(en, es) for _, en, es in frame.questions if fillers.keys() >= set(ROLE.findall(en + es))]
        if questions and rng.random() < talk_share:
            en, es = rng.choice(questions)
            wordings = {"en": f"{en} {wordings['en']}", "es": f"{es} {wordings['es']}"}
        order = rng.sample(("en", "es"), 2)
        halves = zip(order, (_foreign(rng, fillers), _foreign(rng, others)), strict=True)
        lines.append(" ".join(realise(wordings[language], names_of, language)[0] for language, names_of in halves))
    return lines


def make_world(
    seed: int = 0,
    *,
    size: str = "quickstart",
    source_sentences: int | None = None,
    target_sentences: int | None = None,
    heldout_sentences: int | None = None,
    questions: int | None = None,
    pretraining_sentences: int | None = None,
    copied_names: float = 0.3,
    talk_share: float = 0.15,
) -> World:
    """Return the toy world of `seed`; the same arguments give the same world on every machine.

    `size` is "quickstart" or "tiny" (for tests); each count overrides it. `heldout_sentences` is the size of
    source validation, of source test and of the target gold. `copied_names` and `talk_share` say how
    much the two halves of a pretraining line have in common and how many of them ask a question. Raises
    ValueError for an unknown size.
    """
    if size not in SIZES:
        raise ValueError(f"found size={size!r}. What to do: give one of {', '.join(SIZES)}")
    given = {
        "source_sentences": source_sentences,
        "target_sentences": target_sentences,
        "heldout_sentences": heldout_sentences,
        "questions": questions,
        "pretraining_sentences": pretraining_sentences,
    }
    counts = SIZES[size] | {name: count for name, count in given.items() if count is not None}
    # A string seed is hashed the same way by every Python; each corpus has its own stream.
    source, target, general = (random.Random(f"{seed}-{part}") for part in ("source", "target", "general"))
    north = Writer(source, names.NORTH, names.SOUTH, 0.05)
    south = Writer(target, names.SOUTH, names.NORTH, 0.15)
    source_frames = frames.GENERAL + news.NEWS + news.SOURCE_NEWS
    target_frames = frames.GENERAL + news.NEWS + news.TARGET_NEWS
    heldout = counts["heldout_sentences"]
    target_text = _ner_rows(south, target_frames, "es", "target-text", counts["target_sentences"])
    return World(
        source_train=_ner_rows(north, source_frames, "en", "source-train", counts["source_sentences"]),
        source_validation=_ner_rows(north, source_frames, "en", "source-validation", heldout),
        source_test=_ner_rows(north, source_frames, "en", "source-test", heldout),
        target_text=[{"id": row["id"], "tokens": row["tokens"]} for row in target_text],
        target_gold=_ner_rows(south, target_frames, "es", "target-gold", heldout),
        source_qa=_qa_rows(north, source_frames, "en", "source-qa", counts["questions"]),
        target_qa=_qa_rows(south, target_frames, "es", "target-qa", counts["questions"]),
        pretraining_text=_pretraining_lines(general, counts["pretraining_sentences"], copied_names, talk_share),
    )


def write_world(world: World, folder: str | Path) -> dict[str, Path]:
    """Write the world as the files users have and return their paths by field name.

    CoNLL-like files (word and tag, blank line between sentences) for tagged rows, one sentence a line for raw
    text, SQuAD 1.1 JSON for questions. The same world gives the same bytes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {}
    for name, rows in (
        ("source_train", world.source_train),
        ("source_validation", world.source_validation),
        ("source_test", world.source_test),
        ("target_gold", world.target_gold),
    ):
        texts[f"{name}.conll"] = "".join(_conll(row) for row in rows)
    texts["target_text.txt"] = "".join(" ".join(row["tokens"]) + "\n" for row in world.target_text)
    texts["pretraining_text.txt"] = "".join(line + "\n" for line in world.pretraining_text)
    for name, rows in (("source_qa", world.source_qa), ("target_qa", world.target_qa)):
        texts[f"{name}.json"] = json.dumps(_squad(rows, name), ensure_ascii=False, indent=1) + "\n"
    paths = {}
    for name, text in texts.items():
        paths[name.split(".")[0]] = folder / name
        (folder / name).write_text(text, encoding="utf-8")
    return paths


def _conll(row: Row) -> str:
    return "".join(f"{token} {tag}\n" for token, tag in zip(row["tokens"], row["ner_tags"], strict=True)) + "\n"


def _squad(rows: Sequence[Row], title: str) -> Row:
    paragraphs = []
    for row in rows:
        context, spans = row["context"], row["spans"]
        answers = [{"text": context[s["start"] : s["end"]], "answer_start": s["start"]} for s in spans]
        question = {"id": row["id"], "question": row["question"], "answers": answers}
        paragraphs.append({"context": context, "qas": [question]})
    return {"version": "1.1", "data": [{"title": title, "paragraphs": paragraphs}]}
