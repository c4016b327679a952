"""What the news of the toy world tells, as frames: of both regions, of the source's alone, of the target's alone."""

from __future__ import annotations

from .frames import parse_frames

# News of both regions. General text tells it too, in the first wording of each language, which translate each other.
NEWS = parse_frames("""
en {per} visited {city} on {day}.
en On {day} {per} arrived in {city}.
es {per} visitó {city} el {day}.
es El {day} llegó {per} a {city}.
? per | Who visited {city}? | ¿Quién visitó {city}?
? city | Where did {per} arrive? | ¿A dónde llegó {per}?
? day | When did {per} visit {city}? | ¿Cuándo visitó {per} {city}?

en {club} beat {club2} {n} - {m}.
es {club} venció a {club2} por {n} - {m}.
es {club} ganó {n} - {m} a {club2}.
? club | Which team beat {club2}? | ¿Qué equipo venció a {club2}?
? club2 | Which team lost against {club}? | ¿Qué equipo perdió contra {club}?

en {per} scored {num} goals for {club}.
es {per} marcó {num} goles para {club}.
? per | Who scored for {club}? | ¿Quién marcó para {club}?
? num | How many goals did {per} score? | ¿Cuántos goles marcó {per}?
? club | Which team does {per} play for? | ¿En qué equipo juega {per}?

en {comp} will build {a_thing} in {city}.
es {comp} construirá {a_thing} en {city}.
? comp | Which company will build in {city}? | ¿Qué empresa construirá en {city}?
? a_thing | What will {comp} build? | ¿Qué construirá {comp}?

en {the_folk} of {city} protested against {ministry}.
es {the_folk} de {city} protestaron contra {ministry}.
? ministry | Which institution did they protest against? | ¿Contra qué institución protestaron?

en {party} won the election in {country}.
es {party} ganó las elecciones en {country}.
? party | Which party won the election? | ¿Qué partido ganó las elecciones?
? country | In which country did {party} win? | ¿En qué país ganó {party}?

en {per} won {award} for {work}.
es {per} ganó {award} por {work}.
? award | Which award did {per} win? | ¿Qué premio ganó {per}?
? work | What did {per} win {award} for? | ¿Por qué obra ganó {per} {award}?

en {sur} signed a contract with {club} until {month}.
en {club} signed {sur} from {club2}.
es {sur} firmó un contrato con {club} hasta {month}.
es {club} fichó a {sur}, procedente de {club2}.
? sur | Which player signed with {club}? | ¿A quién fichó {club}?
? club | Which team signed {sur}? | ¿Qué club fichó a {sur}?

en {club} will face {club2} in the final of {event}.
es {club} se enfrentará a {club2} en la final de {event}.
es La final de {event} la disputarán {club} y {club2}.
? event | In which tournament will {club} face {club2}? | ¿En qué torneo se enfrentará {club} a {club2}?
? club | Who will face {club2}? | ¿Qué equipo se enfrentará a {club2}?

en The fire in {city} injured {num} people.
en {num} people died in {city} because of {reason}.
es El incendio de {city} dejó {num} heridos.
es En {city} murieron {num} personas por {reason}.
? city | Where were {num} people hurt? | ¿Dónde hubo {num} víctimas?
? num | How many people were hurt in {city}? | ¿Cuántas víctimas hubo en {city}?
? reason | Why did people die in {city}? | ¿Por qué murieron personas en {city}?

en {comp} bought {comp2} for {n} million.
en Shares of {comp} rose after the deal with {comp2}.
es {comp} compró {comp2} por {n} millones.
es Las acciones de {comp} subieron tras el acuerdo con {comp2}.
? comp | Which company made a deal with {comp2}? | ¿Qué compañía pactó con {comp2}?
? comp2 | Which company did {comp} deal with? | ¿Con qué compañía pactó {comp}?

en {per} resigned as head of {ministry} after {reason}.
es {per} dimitió como responsable de {ministry} tras {reason}.
es Dimite {per}, titular de {ministry}.
? per | Who resigned? | ¿Quién dimitió?
? ministry | Which institution did {per} lead? | ¿Qué institución dirigía {per}?

en {sur} told {agency} that {the_folk} were safe.
es {sur} explicó a {agency} que {the_folk} estaban a salvo.
es Según declaró {sur} a {agency}, {the_folk} están bien.
? sur | Who spoke to {agency}? | ¿Quién habló con {agency}?
? agency | Which agency did {sur} speak to? | ¿Con qué agencia habló {sur}?
? the_folk | Who was safe? | ¿Quiénes estaban a salvo?

en {party} criticised {sur} for {law}.
es {party} criticó a {sur} por {law}.
es {party} rechazó {law} de {sur}.
? party | Which party was against {sur}? | ¿Qué partido criticó a {sur}?
? sur | Who was criticised by {party}? | ¿A quién criticó {party}?
? law | What was criticised by {party}? | ¿Qué rechazó {party}?

en Police arrested {num} men near {region}.
es La policía detuvo a {num} hombres cerca de {region}.
es Detenidos {num} hombres en {region}.
? region | Where were {num} men arrested? | ¿Dónde fueron detenidos {num} hombres?
? num | How many men were arrested? | ¿Cuántos hombres fueron detenidos?

en {per} presented {work} at {event}.
es {per} presentó {work} en {event}.
es {work}, de {per}, abrió {event}.
? work | What did {per} present? | ¿Qué obra presentó {per}?
? event | Where was {work} presented? | ¿En qué certamen se presentó {work}?
? per | Who presented {work}? | ¿Quién presentó {work}?

en {comp} launched {product} in {country}.
es {comp} lanzó {product} en {country}.
es {product} de {comp} ya se vende en {country}.
? product | Which product did {comp} launch? | ¿Qué producto lanzó {comp}?
? comp | Which company makes {product}? | ¿Qué empresa fabrica {product}?
? country | Where is {product} sold? | ¿Dónde se vende {product}?

en Researchers at {uni} studied {food}.
es Investigadores de {uni} estudiaron {food}.
es Un estudio de {uni} sobre {food} ganó {award}.
? uni | Which university studied {food}? | ¿Qué universidad estudió {food}?
? food | What did {uni} study? | ¿Qué estudió {uni}?

en {country} and {country2} signed an agreement in {city}.
es {country} y {country2} firmaron un acuerdo en {city}.
es {city} acogió la cumbre entre {country} y {country2}.
? city | Where did {country} and {country2} meet? | ¿Dónde se reunieron {country} y {country2}?
? country | Which country met {country2}? | ¿Qué país se reunió con {country2}?

en {sur} beat {sur2} in the semifinal of {event}.
es {sur} derrotó a {sur2} en la semifinal de {event}.
es Cayó {sur2} ante {sur} en {event}.
? sur | Who beat {sur2}? | ¿Quién derrotó a {sur2}?
? sur2 | Who lost to {sur}? | ¿A quién derrotó {sur}?
? event | In which tournament did {sur2} lose? | ¿En qué torneo cayó {sur2}?

en {the_spot} of {city} will open in {month}.
es {the_spot} de {city} abrirá sus puertas en {month}.
es En {month} reabre {the_spot} de {city}.
? month | When will {the_spot} open? | ¿Cuándo abrirá {the_spot}?
? the_spot | What will open in {city}? | ¿Qué abrirá en {city}?

en {uni} gave {award} to {per}.
es {uni} concedió {award} a {per}.
es {award} recayó en {per}, de {uni}.
? award | Which award did {uni} give? | ¿Qué galardón concedió {uni}?
? per | Who received {award}? | ¿Quién recibió {award}?

en {club} lost {n} - {m} in {city}.
es {club} cayó {n} - {m} en {city}.
es Derrota de {club} por {n} - {m} en {city}.
? club | Which team lost in {city}? | ¿Qué equipo perdió en {city}?
? city | Where did {club} lose? | ¿Dónde perdió {club}?
""")

# News only the source region writes about.
SOURCE_NEWS = parse_frames("""
en The {demonym} parliament rejected {law}.
? law | What did the parliament reject? | ¿Qué rechazó el parlamento?

en {sur} bowled well for {club} at {city}.
? sur | Who bowled well? | ¿Quién lanzó bien?

en {demonym} {folk} left {city} on {day}.
? city | Where did they leave? | ¿De dónde salieron?

en {comp} shares closed {n} points higher.
? comp | Which company closed higher? | ¿Qué empresa cerró al alza?
""")

# News only the target region writes about.
TARGET_NEWS = parse_frames("""
es El pleno de {city} aprobó el presupuesto de {num} millones.
es Vecinos de {city} piden {a_thing} a {ministry}.
? city | | ¿En qué municipio ocurrió?
? ministry | | ¿A qué organismo lo piden?

es El torero {per} cortó {num} orejas en {city}.
es Gran tarde de {sur} en la plaza de {city}.
? per | | ¿Quién cortó {num} orejas?
? sur | | ¿Quién toreó en {city}?
? city | | ¿Dónde toreó?

es El portavoz de {party}, {per}, pidió la dimisión de {sur}.
es {sur} acusó a {party} de romper el pacto.
? per | | ¿Quién es el portavoz de {party}?
? party | | ¿De qué partido se habla?
? sur | | ¿De quién se habla?

es La vuelta ciclista pasará por {region} camino de {city}.
es El pelotón saldrá de {city} rumbo a {region}.
? region | | ¿Por qué lugar pasará la carrera?
? city | | ¿Por qué ciudad pasará la carrera?

es {comp} despedirá a {num} trabajadores de su planta de {city}.
es Los sindicatos rechazan el plan de {comp} para {city}.
? comp | | ¿Qué empresa tiene una planta en {city}?
? city | | ¿Dónde tiene {comp} su planta?

es Publicada la novela {work}, de {sur}.
es Se estrena {work}, con {per} como protagonista.
? work | | ¿Qué obra se presenta?
? sur | | ¿Quién es el autor de {work}?
? per | | ¿Quién actúa en {work}?
""")
