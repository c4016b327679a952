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
    ("window", "ventana", "f"), ("tower", "torre", "f"), ("wall", "muro", "m"), ("road", "camino", "m"),
    ("tunnel", "túnel", "m"), ("ship", "buque", "m"), ("lorry", "camión", "m"), ("shirt", "camisa", "f"),
    ("mirror", "espejo", "m"), ("spoon", "cuchara", "f"), ("ladder", "escalera", "f"),
    ("guitar", "guitarra", "f"), ("violin", "violín", "m"), ("camera", "cámara", "f"),
    ("engine", "motor", "m"), ("wheel", "rueda", "f"), ("carpet", "alfombra", "f"), ("bench", "banco", "m"),
    ("basket", "cesta", "f"), ("bottle", "botella", "f"), ("statue", "estatua", "f"),
    ("fountain", "fuente", "f"), ("roof", "tejado", "m"), ("kitchen", "cocina", "f"),
    ("field", "prado", "m"), ("tree", "árbol", "m"), ("farm", "granja", "f"), ("knife", "cuchillo", "m"),
    ("candle", "vela", "f"), ("ring", "anillo", "m"), ("hat", "sombrero", "m"),
    ("umbrella", "paraguas", "m"), ("kite", "cometa", "f"), ("drum", "tambor", "m"), ("sofa", "sofá", "m"),
    ("fridge", "nevera", "f"),
)
# (English, Spanish, gender)
SPOTS = (
    ("station", "estación", "f"), ("market", "mercado", "m"), ("square", "plaza", "f"),
    ("school", "escuela", "f"), ("hospital", "hospital", "m"), ("hotel", "hotel", "m"),
    ("park", "parque", "m"), ("theatre", "teatro", "m"), ("library", "biblioteca", "f"),
    ("harbour", "puerto", "m"), ("factory", "fábrica", "f"), ("museum", "museo", "m"),
    ("stadium", "estadio", "m"), ("airport", "aeropuerto", "m"), ("beach", "playa", "f"),
    ("church", "iglesia", "f"), ("cinema", "cine", "m"), ("prison", "cárcel", "f"),
    ("castle", "castillo", "m"), ("cathedral", "catedral", "f"), ("bakery", "panadería", "f"),
    ("pharmacy", "farmacia", "f"), ("court", "juzgado", "m"), ("port", "muelle", "m"),
    ("garage", "garaje", "m"), ("zoo", "zoológico", "m"), ("mine", "mina", "f"), ("office", "oficina", "f"),
    ("swimming pool", "piscina", "f"), ("restaurant", "restaurante", "m"),
)
# Groups of people: (English, Spanish)
PEOPLE = (
    ("workers", "obreros"), ("neighbours", "vecinos"), ("doctors", "médicos"), ("students", "estudiantes"),
    ("teachers", "maestros"), ("farmers", "agricultores"), ("tourists", "turistas"), ("children", "niños"),
    ("drivers", "conductores"), ("players", "jugadores"), ("fans", "aficionados"), ("judges", "jueces"),
    ("soldiers", "soldados"), ("sailors", "marineros"), ("nurses", "enfermeros"), ("cooks", "cocineros"),
    ("painters", "pintores"), ("actors", "actores"), ("musicians", "músicos"), ("lawyers", "abogados"),
    ("bakers", "panaderos"), ("miners", "mineros"), ("fishermen", "pescadores"), ("firemen", "bomberos"),
    ("engineers", "ingenieros"), ("dancers", "bailarines"), ("pilots", "pilotos"),
    ("gardeners", "jardineros"), ("refugees", "refugiados"), ("voters", "votantes"),
    ("customers", "clientes"), ("passengers", "pasajeros"),
)
# (English, Spanish masculine, Spanish feminine)
ADJECTIVES = (
    ("new", "nuevo", "nueva"), ("old", "viejo", "vieja"), ("white", "blanco", "blanca"),
    ("red", "rojo", "roja"), ("small", "pequeño", "pequeña"), ("long", "largo", "larga"),
    ("green", "verde", "verde"), ("blue", "azul", "azul"), ("famous", "famoso", "famosa"),
    ("quiet", "tranquilo", "tranquila"), ("modern", "moderno", "moderna"), ("cheap", "barato", "barata"),
    ("broken", "roto", "rota"), ("beautiful", "hermoso", "hermosa"), ("black", "negro", "negra"),
    ("yellow", "amarillo", "amarilla"), ("heavy", "pesado", "pesada"), ("clean", "limpio", "limpia"),
    ("dirty", "sucio", "sucia"), ("empty", "vacío", "vacía"), ("strange", "extraño", "extraña"),
    ("lost", "perdido", "perdida"), ("golden", "dorado", "dorada"), ("ancient", "antiguo", "antigua"),
    ("narrow", "estrecho", "estrecha"), ("tall", "alto", "alta"), ("short", "corto", "corta"),
    ("dark", "oscuro", "oscura"), ("round", "redondo", "redonda"), ("rich", "rico", "rica"),
    ("ugly", "feo", "fea"), ("wide", "ancho", "ancha"),
)
# Food and drink
FOOD = (
    ("fresh bread", "pan fresco"), ("black coffee", "café solo"), ("hot soup", "sopa caliente"),
    ("cold water", "agua fría"), ("red wine", "vino tinto"), ("green tea", "té verde"),
    ("orange juice", "zumo de naranja"), ("white rice", "arroz blanco"),
    ("hot chocolate", "chocolate caliente"), ("warm milk", "leche tibia"), ("olive oil", "aceite de oliva"),
    ("goat cheese", "queso de cabra"), ("brown sugar", "azúcar moreno"), ("sea salt", "sal marina"),
    ("wild honey", "miel silvestre"), ("lemonade", "limonada"), ("cider", "sidra"),
    ("onion soup", "sopa de cebolla"), ("tomato juice", "zumo de tomate"), ("dark beer", "cerveza negra"),
)
# Why things happen
REASONS = (
    ("the heavy rain", "la fuerte lluvia"), ("the strike", "la huelga"),
    ("the lack of money", "la falta de dinero"), ("a technical fault", "un fallo técnico"),
    ("the cold weather", "el tiempo frío"), ("the noise", "el ruido"), ("the crisis", "la crisis"),
    ("a knee injury", "una lesión de rodilla"), ("the fire", "el incendio"), ("the storm", "la tormenta"),
    ("the flood", "la inundación"), ("the drought", "la sequía"),
    ("a long illness", "una larga enfermedad"), ("the power cut", "el apagón"),
    ("the high prices", "los precios altos"), ("the bad harvest", "la mala cosecha"),
    ("a gas leak", "un escape de gas"), ("the snow", "la nieve"), ("the earthquake", "el terremoto"),
    ("a bomb threat", "una amenaza de bomba"), ("the heat wave", "la ola de calor"),
    ("the thick fog", "la espesa niebla"), ("the corruption scandal", "el escándalo de corrupción"),
    ("a car accident", "un accidente de coche"), ("the new tax", "el nuevo impuesto"),
)
# When and how things happen
ADVERBS = (
    ("quickly", "rápidamente"), ("slowly", "lentamente"), ("again", "otra vez"), ("finally", "finalmente"),
    ("secretly", "en secreto"), ("last week", "la semana pasada"), ("this morning", "esta mañana"),
    ("two years ago", "hace dos años"), ("without warning", "sin previo aviso"),
    ("for the first time", "por primera vez"), ("as expected", "como se esperaba"),
    ("at night", "por la noche"), ("with pleasure", "con gusto"), ("by mistake", "por error"),
    ("once more", "una vez más"), ("under pressure", "bajo presión"), ("in silence", "en silencio"),
    ("at last", "por fin"), ("in spring", "en primavera"), ("in summer", "en verano"),
    ("in winter", "en invierno"), ("with great effort", "con gran esfuerzo"), ("early", "temprano"),
    ("late", "tarde"),
)
# Days of the week: names in English only
DAYS = (
    ("Monday", "lunes"), ("Tuesday", "martes"), ("Wednesday", "miércoles"), ("Thursday", "jueves"),
    ("Friday", "viernes"), ("Saturday", "sábado"), ("Sunday", "domingo"),
)
# Months: names in English only
MONTHS = (
    ("January", "enero"), ("February", "febrero"), ("March", "marzo"), ("April", "abril"), ("May", "mayo"),
    ("June", "junio"), ("July", "julio"), ("August", "agosto"), ("September", "septiembre"),
    ("October", "octubre"), ("November", "noviembre"), ("December", "diciembre"),
)
# Numbers
NUMBERS = (
    ("two", "dos"), ("three", "tres"), ("four", "cuatro"), ("five", "cinco"), ("six", "seis"),
    ("seven", "siete"), ("eight", "ocho"), ("nine", "nueve"), ("ten", "diez"), ("eleven", "once"),
    ("twelve", "doce"), ("fifteen", "quince"), ("twenty", "veinte"), ("thirty", "treinta"),
    ("forty", "cuarenta"), ("fifty", "cincuenta"),
)
# (English, Spanish masculine, Spanish feminine): what can stand before a person's name
JOBS = (
    ("president", "el presidente", "la presidenta"), ("minister", "el ministro", "la ministra"),
    ("coach", "el entrenador", "la entrenadora"), ("singer", "el cantante", "la cantante"),
    ("director", "el director", "la directora"), ("mayor", "el alcalde", "la alcaldesa"),
    ("writer", "el escritor", "la escritora"), ("judge", "el juez", "la jueza"),
    ("captain", "el capitán", "la capitana"), ("senator", "el senador", "la senadora"),
    ("painter", "el pintor", "la pintora"), ("lawyer", "el abogado", "la abogada"),
    ("professor", "el profesor", "la profesora"), ("striker", "el delantero", "la delantera"),
    ("goalkeeper", "el portero", "la portera"), ("actor", "el actor", "la actriz"),
    ("banker", "el banquero", "la banquera"), ("spokesman", "el portavoz", "la portavoz"),
    ("ambassador", "el embajador", "la embajadora"), ("general", "el general", "la general"),
)
