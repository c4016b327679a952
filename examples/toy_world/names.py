"""Invented names of the toy world: people, places, organisations, events and works, built from parts.

A `Filler` has an English and a Spanish form, as real names do (University of Langton, Universidad de
Langton). The same root may be a surname, a town and a club, so its type has to be read from the sentence. Any likeness
to a real name is chance.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import words


@dataclass(frozen=True, slots=True)
class Filler:
    """What fills a role: both forms, the articles before them, and the entity type (None: no entity)."""

    en: str
    es: str
    label: str | None = None
    article_en: str = ""
    article_es: str = ""
    feminine: bool = False


@dataclass(frozen=True, slots=True)
class NameParts:
    """What one region of the world builds its names from; surname and town endings overlap on purpose."""

    men: tuple[str, ...]
    women: tuple[str, ...]
    roots: tuple[str, ...]
    surname_ends: tuple[str, ...]
    town_ends: tuple[str, ...]


NORTH = NameParts(  # where the source news is written
    men=tuple("Alan Brian Colin Edgar Howard Keith Martin Oscar Peter Simon".split()),
    women=tuple("Alice Brenda Diana Fiona Grace Helen Joyce Laura Nora Susan".split()),
    roots=tuple("Ash Brad Carl Dun East Hart Kel Lang Mill Oak Stan Whit".split()),
    surname_ends=tuple("man son ley shaw".split()),
    town_ends=tuple("ford ton bury wick field".split()),
)
SOUTH = NameParts(  # where the target news is written
    men=tuple("Bruno Carlos Diego Emilio Hugo Javier Lucas Oscar Pablo Raúl".split()),
    women=tuple("Beatriz Camila Diana Elena Inés Julia Laura Marta Pilar Teresa".split()),
    roots=tuple("Alba Bel Cas Cor Esta Gar Lor Mon Nava Oliva Sal Val".split()),
    surname_ends=tuple("mendi rales guera tero".split()),
    town_ends=tuple("monte doro rada mar tilla".split()),
)
# How the two languages call the countries of the world, and the English adjective
COUNTRIES = (
    ("Norvania", "Norvania", "Norvanian"),
    ("Tarmia", "Tarmia", "Tarmian"),
    ("Ostland", "Ostlandia", "Ostlander"),
    ("Zelgium", "Zelgia", "Zelgian"),
    ("Karania", "Carania", "Karanian"),
    ("Lutonia", "Lutonia", "Lutonian"),
    ("Belmark", "Belmarca", "Belmarkish"),
    ("Sorinam", "Sorinam", "Sorinamese"),
    ("Vestria", "Vestria", "Vestrian"),
    ("Palanka", "Palanca", "Palankan"),
)
TECH_STARTS = tuple("Tel Ener Micro Agro Petro Inter Bio Aero".split())
TECH_ENDS = tuple("nova tec gas lux dat plan".split())
OFFICES = (
    ("Health", "Sanidad"),
    ("Finance", "Hacienda"),
    ("Justice", "Justicia"),
    ("Defence", "Defensa"),
    ("Culture", "Cultura"),
    ("Transport", "Transportes"),
    ("Education", "Educación"),
    ("Labour", "Trabajo"),
)
PARTY_WORDS = (
    ("Liberal", "Liberal"),
    ("Popular", "Popular"),
    ("Green", "Verde"),
    ("National", "Nacional"),
    ("Social", "Social"),
    ("Democratic", "Democrático"),
    ("Progress", "Progresista"),
    ("Workers", "Obrero"),
)


class NameMaker:
    """Draws fresh names of one region; a method for every kind of role that is a name."""

    def __init__(self, rng: random.Random, parts: NameParts) -> None:
        self.rng = rng
        self.parts = parts

    def root(self, ends: tuple[str, ...]) -> str:
        return self.rng.choice(self.parts.roots) + self.rng.choice(ends)

    def surname_root(self) -> str:
        # Now and then a family is named after a town, so that only the sentence shows which of them is meant.
        return self.root(self.parts.town_ends if self.rng.random() < 0.2 else self.parts.surname_ends)

    def town_root(self) -> str:
        root = self.root(self.parts.town_ends)
        if self.rng.random() < 0.15:
            root = ("San " if self.parts is SOUTH else "Saint ") + root
        return root

    def acronym(self) -> str:
        return "".join(self.rng.choices("ABCDEFGIMNOPRSTU", k=3))

    def make(self, kind: str) -> Filler:
        """Return a fresh name of `kind`, one of the keys below."""
        makers = {
            "per": self.per,
            "sur": self.sur,
            "city": self.city,
            "country": self.country,
            "region": self.region,
            "demonym": self.demonym,
            "club": self.club,
            "comp": self.comp,
            "uni": self.uni,
            "ministry": self.ministry,
            "party": self.party,
            "agency": self.agency,
            "event": self.event,
            "award": self.award,
            "law": self.law,
            "work": self.work,
            "product": self.product,
        }
        return makers[kind]()

    def per(self) -> Filler:
        feminine = self.rng.random() < 0.5
        given = self.rng.choice(self.parts.women if feminine else self.parts.men)
        surname = self.surname_root()
        if self.parts is SOUTH and self.rng.random() < 0.2:
            surname = f"{surname} {self.surname_root()}"
        full = f"{given} {surname}"
        return Filler(full, full, "PER", feminine=feminine)

    def sur(self) -> Filler:
        return _same("PER", self.surname_root())

    def city(self) -> Filler:
        return _same("LOC", self.town_root())

    def country(self) -> Filler:
        en, es, _ = self.rng.choice(COUNTRIES)
        return Filler(en, es, "LOC")

    def demonym(self) -> Filler:
        # Spanish writes these as small adjectives, no names: only English frames use them.
        return _same("MISC", self.rng.choice(COUNTRIES)[2])

    def region(self) -> Filler:
        root = self.town_root()
        return self.rng.choice(
            (
                Filler(f"Valley of {root}", f"Valle de {root}", "LOC", "the", "el"),
                Filler(f"{root} River", f"Río {root}", "LOC", "the", "el"),
                Filler(f"Mount {root}", f"Monte {root}", "LOC", "", "el"),
                Filler(f"North {root}", f"{root} del Norte", "LOC"),
                Filler(f"Lake {root}", f"Lago {root}", "LOC", "", "el"),
            )
        )

    def club(self) -> Filler:
        town = self.town_root()
        if self.rng.random() < 0.5:
            return _same("ORG", town)
        if self.parts is SOUTH:
            name = self.rng.choice((f"Deportivo {town}", f"Atlético {town}", f"Real {town}", f"{town} FC"))
            return Filler(name, name, "ORG", "", "" if name.endswith("FC") else "el")
        return _same("ORG", f"{town} {self.rng.choice(('United', 'City', 'Rovers', 'FC'))}")

    def comp(self) -> Filler:
        tech = self.rng.choice(TECH_STARTS) + self.rng.choice(TECH_ENDS)
        town, surname = self.town_root(), self.surname_root()
        return self.rng.choice(
            (
                _same("ORG", tech),
                Filler(f"{tech} Group", f"Grupo {tech}", "ORG", "the", "el"),
                Filler(f"Bank of {town}", f"Banco de {town}", "ORG", "the", "el"),
                _same("ORG", surname),
            )
        )

    def uni(self) -> Filler:
        town = self.town_root()
        return self.rng.choice(
            (
                Filler(f"University of {town}", f"Universidad de {town}", "ORG", "the", "la"),
                Filler(f"{town} College", f"Colegio {town}", "ORG", "", "el"),
            )
        )

    def ministry(self) -> Filler:
        en, es = self.rng.choice(OFFICES)
        return Filler(f"Ministry of {en}", f"Ministerio de {es}", "ORG", "the", "el")

    def party(self) -> Filler:
        en, es = self.rng.choice(PARTY_WORDS)
        acronym = self.acronym()
        return self.rng.choice(
            (
                Filler(f"{en} Party", f"Partido {es}", "ORG", "the", "el"),
                Filler(acronym, acronym, "ORG", "the", "el"),
            )
        )

    def agency(self) -> Filler:
        return _same("ORG", self.rng.choice((self.acronym(), f"Radio {self.town_root()}")))

    def event(self) -> Filler:
        town, country = self.town_root(), self.country()
        return self.rng.choice(
            (
                Filler(f"{town} Cup", f"Copa {town}", "MISC", "the", "la"),
                Filler(f"{country.en} Open", f"Abierto de {country.es}", "MISC", "the", "el"),
                Filler(f"Festival of {town}", f"Festival de {town}", "MISC", "the", "el"),
                Filler(f"Tour of {country.en}", f"Vuelta a {country.es}", "MISC", "the", "la"),
            )
        )

    def award(self) -> Filler:
        surname = self.surname_root()
        return self.rng.choice(
            (
                Filler(f"{surname} Prize", f"Premio {surname}", "MISC", "the", "el"),
                Filler(f"Order of {surname}", f"Orden de {surname}", "MISC", "the", "la"),
            )
        )

    def law(self) -> Filler:
        (en, es), town = self.rng.choice(OFFICES), self.town_root()
        return self.rng.choice(
            (
                Filler(f"{en} Act", f"Ley de {es}", "MISC", "the", "la"),
                Filler(f"Treaty of {town}", f"Tratado de {town}", "MISC", "the", "el"),
            )
        )

    def work(self) -> Filler:
        en, es, gender = self.rng.choice(words.THINGS)
        adjective = self.rng.choice(words.ADJECTIVES)
        article, adjective_es = ("El", adjective[1]) if gender == "m" else ("La", adjective[2])
        title = f"The {adjective[0].title()} {en.title()}"
        return Filler(title, f"{article} {es.title()} {adjective_es.title()}", "MISC")

    def product(self) -> Filler:
        start, end = self.rng.choice(TECH_STARTS), self.rng.choice(TECH_ENDS)
        return _same("MISC", f"{start}{end} {self.rng.choice((200, 300, 500, 700))}")


def _same(label: str, name: str) -> Filler:
    return Filler(name, name, label)
