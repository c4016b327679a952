"""What can be said in the toy world: each frame is an event with its wordings and questions in both languages.

`en` and `es` lines are wordings, `?` lines are questions about one role: role | English | Spanish. A role in
braces is a kind of filler plus an optional number ({club}, {club2}).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One kind of event: wordings in each language (one may have none), (role, English, Spanish) questions."""

    en: tuple[str, ...]
    es: tuple[str, ...]
    questions: tuple[tuple[str, str, str], ...]


def parse_frames(text: str) -> tuple[Frame, ...]:
    """Return the frames written in `text`, blocks of lines with a blank line between them."""
    frames = []
    for block in text.strip().split("\n\n"):
        en, es, questions = [], [], []
        for line in block.splitlines():
            key, rest = line.strip().split(" ", 1)
            if key == "?":
                role, question_en, question_es = (part.strip() for part in rest.split("|"))
                questions.append((role, question_en, question_es))
            else:
                (en if key == "en" else es).append(rest)
        frames.append(Frame(tuple(en), tuple(es), tuple(questions)))
    return tuple(frames)


# Everyday life of both regions.
GENERAL = parse_frames("""
en There was {a_thing} near {the_spot}.
es Había {a_thing} cerca de {the_spot}.
? a_thing | What was near {the_spot}? | ¿Qué había cerca de {the_spot}?

en {per} bought {a_thing} for {num} coins.
es {per} compró {a_thing} por {num} monedas.
? per | Who bought {a_thing}? | ¿Quién compró {a_thing}?
? a_thing | What did {per} buy? | ¿Qué compró {per}?
? num | How many coins did {per} pay? | ¿Cuántas monedas pagó {per}?

en {the_folk} drank {food} at {the_spot}.
es {the_folk} tomaron {food} en {the_spot}.
? food | What did {the_folk} drink? | ¿Qué tomaron {the_folk}?
? the_spot | Where were {the_folk}? | ¿Dónde estaban {the_folk}?

en {the_spot} is closed on {day} because of {reason}.
es {the_spot} está cerrado el {day} por {reason}.
? reason | Why is {the_spot} closed? | ¿Por qué está cerrado {the_spot}?
? day | When is {the_spot} closed? | ¿Cuándo está cerrado {the_spot}?

en {per} lives in {city} with {num} children.
es {per} vive en {city} con {num} niños.
? per | Who lives in {city}? | ¿Quién vive en {city}?
? city | Where does {per} live? | ¿Dónde vive {per}?

en {per} and {per2} met at {the_spot} in {month}.
es {per} y {per2} se encontraron en {the_spot} en {month}.
? per2 | Who did {per} meet? | ¿Con quién se encontró {per}?
? month | When did {per} meet {per2}? | ¿Cuándo se encontró {per} con {per2}?

en {the_folk} travelled from {city} to {city2} by train.
es {the_folk} viajaron de {city} a {city2} en tren.
? city2 | Where did {the_folk} go? | ¿A dónde viajaron {the_folk}?
? city | Where did {the_folk} come from? | ¿De dónde venían {the_folk}?

en {city} is a small town in {country}.
es {city} es un pueblo pequeño de {country}.
? city | Which town is in {country}? | ¿Qué pueblo está en {country}?
? country | In which country is {city}? | ¿En qué país está {city}?

en {comp} sells {food} in {country}.
es {comp} vende {food} en {country}.
? comp | Which company sells {food}? | ¿Qué empresa vende {food}?
? country | Where does {comp} sell {food}? | ¿Dónde vende {comp} {food}?

en {per} works for {comp} in {city}.
es {per} trabaja para {comp} en {city}.
? comp | Which company does {per} work for? | ¿Para qué empresa trabaja {per}?
? per | Who works for {comp}? | ¿Quién trabaja para {comp}?
? city | Where does {per} work? | ¿Dónde trabaja {per}?

en {per} studied at {uni}.
es {per} estudió en {uni}.
? uni | Which university did {per} study at? | ¿En qué universidad estudió {per}?
? per | Who studied at {uni}? | ¿Quién estudió en {uni}?

en {per} painted {a_thing} and wrote {work}.
es {per} pintó {a_thing} y escribió {work}.
? work | Which book did {per} write? | ¿Qué libro escribió {per}?
? per | Who wrote {work}? | ¿Quién escribió {work}?

en {club} played {num} matches in {month}.
es {club} jugó {num} partidos en {month}.
? club | Which team played {num} matches? | ¿Qué equipo jugó {num} partidos?
? num | How many matches did {club} play? | ¿Cuántos partidos jugó {club}?

en {the_folk} waited for {per} at {the_spot}.
es {the_folk} esperaron a {per} en {the_spot}.
? per | Who did {the_folk} wait for? | ¿A quién esperaron {the_folk}?
? the_folk | Who waited for {per}? | ¿Quiénes esperaron a {per}?

en The price of {food} rose in {country}.
es El precio de {food} subió en {country}.
? food | What is dearer in {country}? | ¿Qué es más caro en {country}?

en {the_thing} belongs to {per}.
es {the_thing} pertenece a {per}.
? per | Who owns {the_thing}? | ¿A quién pertenece {the_thing}?

en {party} and {party2} have {num} seats each.
es {party} y {party2} tienen {num} escaños cada uno.
? party2 | Which party has as many seats as {party}? | ¿Qué partido tiene tantos escaños como {party}?

en {event} takes place every year in {city}.
es {event} se celebra cada año en {city}.
? event | Which event takes place in {city}? | ¿Qué evento se celebra en {city}?
? city | Where does {event} take place? | ¿Dónde se celebra {event}?

en {per} read {work} in {num} days.
es {per} leyó {work} en {num} días.
? work | Which book did {per} read? | ¿Qué libro leyó {per}?
? per | Who read {work}? | ¿Quién leyó {work}?

en {the_folk} repaired {the_thing} in {num} hours.
es {the_folk} repararon {the_thing} en {num} horas.
? the_thing | What did {the_folk} repair? | ¿Qué repararon {the_folk}?
""")

# What may come before or after any news sentence: (English, Spanish)
LEADS = (
    ("On {day}, ", "El {day}, "),
    ("In {month}, ", "En {month}, "),
    ("Yesterday, ", "Ayer, "),
    ("According to {agency}, ", "Según {agency}, "),
    ("In {city}, ", "En {city}, "),
    ("Meanwhile, ", "Mientras tanto, "),
    ("After {reason}, ", "Tras {reason}, "),
    ("Despite {reason}, ", "A pesar de {reason}, "),
    ("Near {the_spot}, ", "Cerca de {the_spot}, "),
    ("As {the_folk} feared, ", "Como temían {the_folk}, "),
    ("To the surprise of {the_folk}, ", "Para sorpresa de {the_folk}, "),
    ("In front of {num} {folk}, ", "Ante {num} {folk}, "),
)
TRAILS = (
    (" {adverb}", " {adverb}"),
    (", {agency} reported", ", informó {agency}"),
    (", said {sur}", ", dijo {sur}"),
    (" on {day}", " el {day}"),
    (", said {job} {per}", ", afirmó {job} {per}"),
    (" despite {reason}", " a pesar de {reason}"),
    (", sources in {city} said", ", indicaron fuentes de {city}"),
    (", while {the_folk} waited outside", ", mientras {the_folk} esperaban fuera"),
    (" and {the_folk} celebrated", " y {the_folk} lo celebraron"),
    (", which surprised {the_folk} of {country}", ", lo que sorprendió a {the_folk} de {country}"),
    (" after a visit to {the_spot}", " tras una visita a {the_spot}"),
)
