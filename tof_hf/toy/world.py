"""The toy world: a small bilingual corpus, all of it generated, on which a whole TOF run takes minutes.

English news with entity tags is the source, Spanish news is the target. Both regions have names of their own,
so target entities are mostly unseen in the source, and a root such as Valdoro may be a surname, a town or a club.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import frames, names, words
from .names import Filler

Row = dict[str, Any]
WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
ROLE = re.compile(r"\{(\w+)\}")
PAIRS = {
    "food": words.FOOD,
    "reason": words.REASONS,
    "day": words.DAYS,
    "month": words.MONTHS,
    "num": words.NUMBERS,
}
SIZES = {
    "tiny": {
        "source_sentences": 40,
        "target_sentences": 40,
        "heldout_sentences": 20,
        "questions": 30,
        "pretraining_sentences": 60,
    },
    "quickstart": {
        "source_sentences": 1200,
        "target_sentences": 1500,
        "heldout_sentences": 400,
        "questions": 1000,
        "pretraining_sentences": 12000,
    },
}


@dataclass(frozen=True)
class World:
    """The corpora of one toy world, as lists of plain rows.

    NER rows: id, tokens, ner_tags (strict IOB2, as strings); `target_text` has no tags. Question rows: id,
    question, context, spans (one {start, end} in characters, end exclusive), label (always None).
    `pretraining_text` is general text in both languages, part of its lines a sentence and its translation.
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


@dataclass(frozen=True, slots=True)
class Mention:
    """A filler in a sentence: its role, characters [start, end) and entity type, None for a common noun."""

    role: str
    start: int
    end: int
    label: str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, what it mentions, and the frame and fillers it was made from, to ask about it."""

    text: str
    mentions: tuple[Mention, ...]
    frame: frames.Frame
    fillers: dict[str, Filler]


class Writer:
    """Writes sentences about frames, with the names of the `home` region and now and then one of `guest`."""

    def __init__(
        self, rng: random.Random, home: names.NameParts, guest: names.NameParts, guest_share: float
    ) -> None:
        self.rng = rng
        self.home = names.NameMaker(rng, home)
        self.guest = names.NameMaker(rng, guest)
        self.guest_share = guest_share

    def filler(self, role: str) -> Filler:
        """Return a fresh filler for `role` (a kind of name or of common noun, with an optional number)."""
        kind, rng = role.rstrip("0123456789"), self.rng
        if kind in ("n", "m"):
            number = str(rng.randint(0, 9))
            return Filler(number, number)
        if kind in ("a_thing", "the_thing", "the_spot"):
            nouns = words.SPOTS if kind == "the_spot" else words.THINGS
            return self._noun_phrase(*rng.choice(nouns), definite=kind != "a_thing")
        if kind in ("the_folk", "folk"):
            the, los = ("the", "los") if kind == "the_folk" else ("", "")
            return Filler(*rng.choice(words.PEOPLE), None, the, los)
        if kind in PAIRS:
            return Filler(*rng.choice(PAIRS[kind]))
        maker = self.guest if rng.random() < self.guest_share else self.home
        return maker.make(kind)

    def _noun_phrase(self, en: str, es: str, gender: str, *, definite: bool) -> Filler:
        feminine = gender == "f"
        if self.rng.random() < 0.4:
            adjective = self.rng.choice(words.ADJECTIVES)
            en, es = f"{adjective[0]} {en}", f"{es} {adjective[2 if feminine else 1]}"
        if definite:
            return Filler(en, es, None, "the", "la" if feminine else "el")
        return Filler(en, es, None, "an" if en[0] in "aeiou" else "a", "una" if feminine else "un")

    def wordings(self, frame: frames.Frame, *, news: bool) -> dict[str, str]:
        """Return a wording for each language: of `news` with a lead or a trail now and then, else translations."""
        rng = self.rng
        if not news:
            place = rng.randrange(len(frame.en))
            return {"en": frame.en[place], "es": frame.es[place]}
        lines = {"en": frame.en, "es": frame.es}
        wording = {language: rng.choice(lines[language]) for language in lines if lines[language]}
        draw = rng.random()
        extra = rng.choice(frames.LEADS if draw < 0.25 else frames.TRAILS)
        if draw > 0.5:
            return wording
        # Roles of a lead or trail end in 9, so that they never meet those of the frame.
        marked = {"en": ROLE.sub(r"{\g<1>9}", extra[0]), "es": ROLE.sub(r"{\g<1>9}", extra[1])}
        for language, text in wording.items():
            if draw < 0.25:
                wording[language] = marked[language] + text[0].lower() + text[1:]
            else:
                wording[language] = text[:-1] + marked[language] + "."
        return wording

    def fillers(self, wordings: Iterable[str]) -> dict[str, Filler]:
        """Return a filler for every role in `wordings`; a job follows the gender of its person."""
        found = {role: self.filler(role) for role in sorted(set(ROLE.findall(" ".join(wordings))) - {"job9"})}
        if "per9" in found:
            en, masculine, feminine = self.rng.choice(words.JOBS)
            found["job9"] = Filler(en, feminine if found["per9"].feminine else masculine)
        return found

    def sentence(self, frame_list: Sequence[frames.Frame], language: str) -> Sentence:
        """Return one news sentence in `language` about one of the frames."""
        known = [frame for frame in frame_list if (frame.en if language == "en" else frame.es)]
        frame = self.rng.choice(known)
        wording = self.wordings(frame, news=True)[language]
        fillers = self.fillers([wording])
        text, mentions = realise(wording, fillers, language)
        return Sentence(text, mentions, frame, fillers)


def realise(wording: str, fillers: dict[str, Filler], language: str) -> tuple[str, tuple[Mention, ...]]:
    """Return the sentence, with a capital and Spanish al and del, and where its fillers stand (without article)."""
    text, mentions = "", []
    for place, part in enumerate(ROLE.split(wording)):
        if place % 2 == 0:
            text += part
            continue
        filler = fillers[part]
        english = language == "en"
        article, surface = (filler.article_en, filler.en) if english else (filler.article_es, filler.es)
        if article == "el" and f" {text}".lower().endswith((" de ", " a ")):
            text = text[:-1] + "l "
        elif article:
            text += article + " "
        mentions.append(Mention(part, len(text), len(text) + len(surface), filler.label))
        text += surface
    start = 1 if text[0] == "¿" else 0
    return text[:start] + text[start].upper() + text[start + 1 :], tuple(mentions)


def tokens_and_tags(text: str, mentions: Sequence[Mention]) -> tuple[list[str], list[str]]:
    """Return the words of `text` and their strict IOB2 tags."""
    tokens, tags = [], []
    for match in WORD.finditer(text):
        tokens.append(match.group())
        tag = "O"
        for mention in mentions:
            if mention.label is not None and mention.start <= match.start() < mention.end:
                tag = ("B-" if match.start() == mention.start else "I-") + mention.label
        tags.append(tag)
    return tokens, tags


def _ner_rows(
    writer: Writer, frame_list: Sequence[frames.Frame], language: str, prefix: str, count: int
) -> list[Row]:
    rows = []
    for number in range(count):
        sentence = writer.sentence(frame_list, language)
        tokens, tags = tokens_and_tags(sentence.text, sentence.mentions)
        rows.append({"id": f"{prefix}-{number}", "tokens": tokens, "ner_tags": tags})
    return rows


def _qa_rows(
    writer: Writer, frame_list: Sequence[frames.Frame], language: str, prefix: str, count: int
) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < count:
        told = writer.sentence(frame_list, language)
        roles = {mention.role for mention in told.mentions}
        askable = []
        for role, question_en, question_es in told.frame.questions:
            question = question_en if language == "en" else question_es
            if question and role in roles and roles.issuperset(ROLE.findall(question)):
                askable.append((role, question))
        if not askable:
            continue
        role, wording = writer.rng.choice(askable)
        question, _ = realise(wording, told.fillers, language)
        other = writer.sentence(frame_list, language)
        before = writer.rng.random() < 0.5
        context = f"{other.text} {told.text}" if before else f"{told.text} {other.text}"
        shift = len(other.text) + 1 if before else 0
        spans = [{"start": m.start + shift, "end": m.end + shift} for m in told.mentions if m.role == role]
        rows.append({"id": f"{prefix}-{len(rows)}", "question": question, "context": context, "spans": spans,
                     "label": None})
    return rows


def _pretraining_lines(rng: random.Random, count: int, parallel_share: float, talk_share: float) -> list[str]:
    """General text: statements, questions with their statement, and both with their translation on the line."""
    writers = [Writer(rng, names.NORTH, names.SOUTH, 0.3), Writer(rng, names.SOUTH, names.NORTH, 0.3)]
    lines = []
    for _ in range(count):
        writer = rng.choice(writers)
        frame = rng.choice(frames.GENERAL + frames.COMMON_NEWS)
        wordings = writer.wordings(frame, news=False)
        fillers = writer.fillers(wordings.values())
        told = {language: realise(text, fillers, language)[0] for language, text in wordings.items()}
        questions = [(en, es) for _, en, es in frame.questions if fillers.keys() >= set(ROLE.findall(en + es))]
        if questions and rng.random() < talk_share:
            for language, question in zip(("en", "es"), rng.choice(questions), strict=True):
                told[language] = realise(question, fillers, language)[0] + " " + told[language]
        order = rng.sample(sorted(told), 2)
        lines.append(" ".join(told[language] for language in order[: 2 if rng.random() < parallel_share else 1]))
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
    parallel_share: float = 0.3,
    talk_share: float = 0.4,
) -> World:
    """Return the toy world of `seed`; the same arguments give the same world on every machine.

    `size` is "quickstart" or "tiny" (for tests); each count overrides it. `heldout_sentences` is the size of
    source validation, of source test and of the target gold. `parallel_share` is the share of pretraining lines
    that hold a sentence and its translation, which ties the languages together as shared subjects do in a real
    multilingual corpus. Raises ValueError for an unknown size.
    """
    if size not in SIZES:
        raise ValueError(f"found size={size!r}. What to do: give one of {', '.join(SIZES)}")
    given = {"source_sentences": source_sentences, "target_sentences": target_sentences,
             "heldout_sentences": heldout_sentences, "questions": questions,
             "pretraining_sentences": pretraining_sentences}
    counts = SIZES[size] | {name: count for name, count in given.items() if count is not None}
    # A string seed is hashed the same way by every Python; each corpus has its own stream.
    source, target, general = (random.Random(f"{seed}-{part}") for part in ("source", "target", "general"))
    north = Writer(source, names.NORTH, names.SOUTH, 0.05)
    south = Writer(target, names.SOUTH, names.NORTH, 0.15)
    source_frames = frames.COMMON_NEWS + frames.NEWS + frames.SOURCE_NEWS
    target_frames = frames.COMMON_NEWS + frames.NEWS + frames.TARGET_NEWS
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
        pretraining_text=_pretraining_lines(general, counts["pretraining_sentences"], parallel_share, talk_share),
    )


def write_world(world: World, folder: str | Path) -> dict[str, Path]:
    """Write the world as the files users have and return their paths by field name.

    CoNLL-like files (word and tag, blank line between sentences) for tagged rows, one sentence a line for raw
    text, SQuAD 1.1 JSON for questions. The same world gives the same bytes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {}
    for name, rows in (("source_train", world.source_train), ("source_validation", world.source_validation),
                       ("source_test", world.source_test), ("target_gold", world.target_gold)):
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
