"""Writes sentences of the toy world: a frame, a wording, names in the roles, and where each of them is."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import frames, names, words
from .names import Filler

WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
ROLE = re.compile(r"\{(\w+)\}")
PAIRS = {
    "food": words.FOOD,
    "reason": words.REASONS,
    "adverb": words.ADVERBS,
    "day": words.DAYS,
    "month": words.MONTHS,
    "num": words.NUMBERS,
}


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

    def __init__(self, rng: random.Random, home: names.NameParts, guest: names.NameParts, guest_share: float) -> None:
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
            en, es = rng.choice(PAIRS[kind])
            if en.startswith(("the ", "a ")):
                # The article goes apart, so that Spanish can contract it.
                (the, en), (el, es) = en.split(" ", 1), es.split(" ", 1)
                return Filler(en, es, None, the, el)
            return Filler(en, es)
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
    """Return the sentence, with a capital and Spanish al and del, and where its fillers are (without article)."""
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
    # The first letter of the text, and of what follows a question.
    text = re.sub(r"(?:^¿?|\? )\w", lambda match: match.group().upper(), text)
    return text, tuple(mentions)


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
