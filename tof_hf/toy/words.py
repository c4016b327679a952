"""Everyday words of the toy world, each as an (English, Spanish) pair.

Spanish nouns carry their gender, so that articles and adjectives agree and adjectives can follow the noun.
"""

from __future__ import annotations

# (English, Spanish, gender)
THINGS = (
    ("bridge", "puente", "m"), ("car", "coche", "m"), ("book", "libro", "m"), ("letter", "carta", "f"),
    ("house", "casa", "f"), ("table", "mesa", "f"), ("door", "puerta", "f"), ("boat", "barco", "m"),
    ("piano", "piano", "m"), ("radio", "radio", "f"), ("garden", "jardín", "m"), ("picture", "cuadro", "m"),
    ("bicycle", "bicicleta", "f"), ("lamp", "lámpara", "f"), ("box", "caja", "f"), ("coat", "abrigo", "m"),
    ("map", "mapa", "m"), ("clock", "reloj", "m"), ("chair", "silla", "f"), ("horse", "caballo", "m"),
)
SPOTS = (
    ("station", "estación", "f"), ("market", "mercado", "m"), ("square", "plaza", "f"),
    ("school", "escuela", "f"),
    ("hospital", "hospital", "m"), ("hotel", "hotel", "m"), ("park", "parque", "m"),
    ("theatre", "teatro", "m"),
    ("library", "biblioteca", "f"), ("harbour", "puerto", "m"), ("factory", "fábrica", "f"),
    ("museum", "museo", "m"), ("stadium", "estadio", "m"), ("airport", "aeropuerto", "m"),
)
PEOPLE = (
    ("workers", "obreros"), ("neighbours", "vecinos"), ("doctors", "médicos"), ("students", "estudiantes"),
    ("teachers", "maestros"), ("farmers", "agricultores"), ("tourists", "turistas"), ("children", "niños"),
    ("drivers", "conductores"), ("players", "jugadores"), ("fans", "aficionados"), ("judges", "jueces"),
)
# (English, Spanish masculine, Spanish feminine)
ADJECTIVES = (
    ("new", "nuevo", "nueva"), ("old", "viejo", "vieja"), ("white", "blanco", "blanca"),
    ("red", "rojo", "roja"), ("small", "pequeño", "pequeña"), ("long", "largo", "larga"),
    ("green", "verde", "verde"), ("blue", "azul", "azul"), ("famous", "famoso", "famosa"),
    ("quiet", "tranquilo", "tranquila"), ("modern", "moderno", "moderna"), ("cheap", "barato", "barata"),
    ("broken", "roto", "rota"), ("beautiful", "hermoso", "hermosa"),
)
FOOD = (
    ("fresh bread", "pan fresco"), ("black coffee", "café solo"), ("hot soup", "sopa caliente"),
    ("cold water", "agua fría"), ("red wine", "vino tinto"), ("fried fish", "pescado frito"),
    ("green apples", "manzanas verdes"), ("white rice", "arroz blanco"), ("chocolate", "chocolate"),
)
REASONS = (
    ("the heavy rain", "la fuerte lluvia"), ("the strike", "la huelga"),
    ("the lack of money", "la falta de dinero"),
    ("a technical fault", "un fallo técnico"), ("the cold weather", "el tiempo frío"),
    ("the noise", "el ruido"),
    ("the crisis", "la crisis"), ("a knee injury", "una lesión de rodilla"), ("the fire", "el incendio"),
)
DAYS = (
    ("Monday", "lunes"), ("Tuesday", "martes"), ("Wednesday", "miércoles"), ("Thursday", "jueves"),
    ("Friday", "viernes"), ("Saturday", "sábado"), ("Sunday", "domingo"),
)
MONTHS = (
    ("January", "enero"), ("February", "febrero"), ("March", "marzo"), ("April", "abril"), ("May", "mayo"),
    ("June", "junio"), ("July", "julio"), ("September", "septiembre"), ("October", "octubre"),
    ("November", "noviembre"), ("December", "diciembre"),
)
NUMBERS = (
    ("two", "dos"), ("three", "tres"), ("four", "cuatro"), ("five", "cinco"), ("six", "seis"),
    ("seven", "siete"),
    ("eight", "ocho"), ("nine", "nueve"), ("ten", "diez"), ("twenty", "veinte"),
)
# (English, Spanish masculine, Spanish feminine): a job that can stand before a person's name
JOBS = (
    ("president", "el presidente", "la presidenta"), ("minister", "el ministro", "la ministra"),
    ("coach", "el entrenador", "la entrenadora"), ("singer", "el cantante", "la cantante"),
    ("director", "el director", "la directora"), ("mayor", "el alcalde", "la alcaldesa"),
    ("writer", "el escritor", "la escritora"), ("judge", "el juez", "la jueza"),
    ("captain", "el capitán", "la capitana"), ("senator", "el senador", "la senadora"),
)
