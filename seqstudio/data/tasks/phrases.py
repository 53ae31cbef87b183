"""Sentences in English, Spanish and French written by one small grammar.

Nouns have a gender, verbs and adjectives agree, and the order of words differs: adjectives stand
behind most nouns, Spanish leaves pronouns out, French wraps a negation round its verb. So words
that belong together cross. The sentences of the lectures are among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

COUNT = 4000
COLUMNS = ("english", "spanish", "french")
_SEED = 47
_VOWELS = tuple("aeiouéèêâîôh")
_T = TypeVar("_T")

Three = tuple[str, str, str]
"""The same in the three languages."""


@dataclass(frozen=True)
class _Noun:
    """A noun; forms are singular and plural, genders "m" or "f" in Spanish and French."""

    english: tuple[str, str]
    spanish: tuple[str, str]
    french: tuple[str, str]
    genders: str


@dataclass(frozen=True)
class _Adjective:
    """An adjective; forms are masculine, feminine and their plurals."""

    english: str
    spanish: tuple[str, ...]
    french: tuple[str, ...]
    before: bool = False  # in French
    passing: bool = False  # Spanish says estar


class _Who(NamedTuple):
    """What a verb agrees with; `words` is what is said, "" for a pronoun that is left out."""

    words: Three
    person: int  # 0 to 5: I, you, he, we, you all, they
    genders: str


def _noun(line: str) -> _Noun:
    one, ones, uno, unos, un, uns, genders = line.split()
    return _Noun((one, ones), (uno, unos), (un, uns), genders)


def _adjective(line: str, **more: bool) -> _Adjective:
    english, spanish, french = line.split("|")
    return _Adjective(english, _agreeing(spanish.split()), _agreeing(french.split()), **more)


def _agreeing(forms: list[str]) -> tuple[str, ...]:
    """Return all four forms; two are the singular and the plural of both genders."""
    return tuple(forms) if len(forms) == 4 else (forms[0], forms[0], forms[1], forms[1])


_PETS = (
    _noun("cat cats gato gatos chat chats mm"),
    _noun("dog dogs perro perros chien chiens mm"),
)
_PEOPLE = tuple(
    map(
        _noun,
        (
            "girl girls niña niñas fille filles ff",
            "boy boys niño niños garçon garçons mm",
            "woman women mujer mujeres femme femmes ff",
            "man men hombre hombres monsieur messieurs mm",
            "student students estudiante estudiantes étudiant étudiants mm",
            "teacher teachers maestra maestras maîtresse maîtresses ff",
            "neighbour neighbours vecina vecinas voisine voisines ff",
            "doctor doctors médico médicos médecin médecins mm",
        ),
    )
)
_LIVING = _PETS + _PEOPLE
_THINGS = tuple(
    map(
        _noun,
        (
            "house houses casa casas maison maisons ff",
            "book books libro libros livre livres mm",
            "car cars coche coches voiture voitures mf",
            "table tables mesa mesas table tables ff",
            "letter letters carta cartas lettre lettres ff",
            "song songs canción canciones chanson chansons ff",
            "flower flowers flor flores fleur fleurs ff",
            "hat hats sombrero sombreros chapeau chapeaux mm",
            "picture pictures cuadro cuadros tableau tableaux mm",
            "apple apples manzana manzanas pomme pommes ff",
        ),
    )
)
_JOBS = (
    ("student", "estudiante estudiante", "étudiant étudiante"),
    ("teacher", "maestro maestra", "professeur professeure"),
    ("doctor", "médico médica", "médecin médecin"),
    ("cook", "cocinero cocinera", "cuisinier cuisinière"),
    ("singer", "cantante cantante", "chanteur chanteuse"),
    ("farmer", "granjero granjera", "fermier fermière"),
)
_LOOKS = (
    _adjective("black|negro negra negros negras|noir noire noirs noires"),
    _adjective("white|blanco blanca blancos blancas|blanc blanche blancs blanches"),
    _adjective("red|rojo roja rojos rojas|rouge rouges"),
    _adjective("green|verde verdes|vert verte verts vertes"),
    _adjective("big|grande grandes|grand grande grands grandes", before=True),
    _adjective("small|pequeño pequeña pequeños pequeñas|petit petite petits petites", before=True),
    _adjective("famous|famoso famosa famosos famosas|célèbre célèbres"),
    _adjective(
        "interesting|interesante interesantes|intéressant intéressante intéressants intéressantes"
    ),
)
_MOODS = (
    _adjective("tired|cansado cansada cansados cansadas|fatigué fatiguée fatigués fatiguées",
               passing=True),
    _adjective("happy|contento contenta contentos contentas|content contente contents contentes",
               passing=True),
    _adjective("ill|enfermo enferma enfermos enfermas|malade malades", passing=True),
)  # fmt: skip
_STUFF = (
    ("eating", "comiendo", 0, "bread", "pan", "du pain"),
    ("eating", "comiendo", 0, "rice", "arroz", "du riz"),
    ("eating", "comiendo", 0, "cheese", "queso", "du fromage"),
    ("eating", "comiendo", 0, "meat", "carne", "de la viande"),
    ("drinking", "bebiendo", 1, "water", "agua", "de l'eau"),
    ("drinking", "bebiendo", 1, "milk", "leche", "du lait"),
    ("drinking", "bebiendo", 1, "wine", "vino", "du vin"),
    ("selling", "vendiendo", 2, "bread", "pan", "du pain"),
    ("selling", "vendiendo", 2, "milk", "leche", "du lait"),
)
_DOING = (
    ("looking at", "mirando", 3),
    ("selling", "vendiendo", 2),
    ("buying", "comprando", 4),
    ("painting", "pintando", 5),
    ("looking for", "buscando", 6),
)
_FRENCH_VERBS = (
    "mange manges mange mangeons mangez mangent",
    "bois bois boit buvons buvez boivent",
    "vends vends vend vendons vendez vendent",
    "regarde regardes regarde regardons regardez regardent",
    "achète achètes achète achetons achetez achètent",
    "peins peins peint peignons peignez peignent",
    "cherche cherches cherche cherchons cherchez cherchent",
)
_BE = (
    "am are is are are are",
    "soy eres es somos sois son",
    "suis es est sommes êtes sont",
)
_ESTAR = ("estoy", "estás", "está", "estamos", "estáis", "están")
_PRONOUNS = (
    ("i", "", "je", 0, "mm"),
    ("he", "él", "il", 2, "mm"),
    ("she", "ella", "elle", 2, "ff"),
    ("we", "", "nous", 3, "mm"),
)
_BEST = (
    ("best", "mejor mejor mejores mejores", "meilleur meilleure meilleurs meilleures"),
    ("worst", "peor peor peores peores", "pire pire pires pires"),
)
_UNIONS = tuple(
    map(
        _noun,
        (
            "area areas zona zonas zone zones ff",
            "community communities comunidad comunidades communauté communautés ff",
            "market markets mercado mercados marché marchés mm",
            "policy policies política políticas politique politiques ff",
            "bank banks banco bancos banque banques mf",
            "treaty treaties tratado tratados traité traités mm",
            "congress congresses congreso congresos congrès congrès mm",
        ),
    )
)
_PLACES = (
    _adjective("european|europeo europea europeos europeas"
               "|européen européenne européens européennes"),
    _adjective("american|americano americana americanos americanas"
               "|américain américaine américains américaines"),
    _adjective("african|africano africana africanos africanas"
               "|africain africaine africains africaines"),
    _adjective("german|alemán alemana alemanes alemanas"
               "|allemand allemande allemands allemandes"),
)  # fmt: skip
_MATTERS = (
    _adjective("economic|económico económica económicos económicas|économique économiques"),
    _adjective("political|político política políticos políticas|politique politiques"),
    _adjective("scientific|científico científica científicos científicas"
               "|scientifique scientifiques"),
    _adjective("common|común comunes|commun commune communs communes"),
)  # fmt: skip
LECTURE: tuple[Three, ...] = (
    ("we are eating bread", "estamos comiendo pan", "nous mangeons du pain"),
    ("i am a student", "soy estudiante", "je suis étudiant"),
    ("my cat is the best", "mi gato es el mejor", "mon chat est le meilleur"),
    ("the european economic area", "la zona económica europea", "la zone économique européenne"),
)
"""What the lectures show; all of it is written by the grammar too."""


@lru_cache(maxsize=1)
def written_phrases(count: int = COUNT) -> tuple[Three, ...]:
    """Return sentences in English, Spanish and French, each English one once, always the same.

    Raises:
        ValueError: So many different sentences cannot be written.
    """
    rng = np.random.default_rng(_SEED)
    found = {line[0]: line for line in LECTURE}
    for _ in range(20 * count):
        line = _sentence(rng)
        found.setdefault(line[0], line)
        if len(found) == count:
            return tuple(found.values())
    raise ValueError(f"the grammar does not reach {count:,} different sentences")


def _sentence(rng: np.random.Generator) -> Three:
    if rng.random() < 0.1:
        return _union(rng)
    first = _one(rng, _SHAPES)(rng)
    if rng.random() < 0.3:
        joint = _one(rng, (("and", "y", "et"), ("but", "pero", "mais")))
        return _join(first, joint, _one(rng, _SHAPES)(rng))
    return first


def _join(*parts: Three) -> Three:
    english, spanish, french = (
        " ".join(part for part in column if part) for column in zip(*parts, strict=True)
    )
    return english, spanish, french.replace("je a", "j'a")


def _one(rng: np.random.Generator, among: tuple[_T, ...]) -> _T:
    return among[int(rng.random() * len(among))]


# Groups of words


def _group(rng: np.random.Generator, nouns: tuple[_Noun, ...], *, mine: bool = False) -> _Who:
    """Return a noun with its article, or "my", and perhaps an adjective."""
    noun, many = _one(rng, nouns), int(rng.random() < 0.3)
    look = _one(rng, _looks_of(noun)) if rng.random() < 0.5 else None
    return _Who(_phrase(noun, [look] if look else [], many, mine=mine), 5 if many else 2,
                noun.genders)  # fmt: skip


def _looks_of(noun: _Noun) -> tuple[_Adjective, ...]:
    if noun in _PEOPLE:
        return _LOOKS[4:7]
    return _LOOKS[:2] + _LOOKS[4:6] if noun in _PETS else _LOOKS


def _phrase(noun: _Noun, looks: list[_Adjective], many: int, *, mine: bool = False) -> Three:
    """Return a noun with the English adjectives in front: the others have them the other way."""
    es, fr = (form[many] for form in (noun.spanish, noun.french))
    spanish = [es, *(look.spanish[_form(noun.genders[0], many)] for look in reversed(looks))]
    forms = [(look, look.french[_form(noun.genders[1], many)]) for look in reversed(looks)]
    french = [form for look, form in forms if look.before] + [fr]
    french += [form for look, form in forms if not look.before]
    english = " ".join([*(look.english for look in looks), noun.english[many]])
    article = _my(noun, many) if mine else _the(noun, many)
    elided = article[2] == "le" or article[2] == "la"
    led = " ".join(french)
    led = f"l'{led}" if elided and led.startswith(_VOWELS) else f"{article[2]} {led}"
    return f"{article[0]} {english}", f"{article[1]} {' '.join(spanish)}", led


def _form(gender: str, many: int) -> int:
    return 2 * many + (gender == "f")


def _the(noun: _Noun, many: int) -> Three:
    es = ("el", "la", "los", "las")[_form(noun.genders[0], many)]
    return "the", es, "les" if many else ("la" if noun.genders[1] == "f" else "le")


def _my(noun: _Noun, many: int) -> Three:
    if many:
        return "my", "mis", "mes"
    feminine = noun.genders[1] == "f" and not noun.french[0].startswith(_VOWELS)
    return "my", "mi", "ma" if feminine else "mon"


def _somebody(rng: np.random.Generator) -> _Who:
    if rng.random() < 0.4:
        english, spanish, french, person, genders = _one(rng, _PRONOUNS)
        return _Who((english, spanish, french), person, genders)
    return _group(rng, _LIVING, mine=rng.random() < 0.3)


# Sentences


def _being(who: _Who, *, passing: bool = False, no: bool = False) -> Three:
    """Return "am", "are", "is", with "not" where wanted, for all three languages."""
    forms = [line.split()[who.person] for line in _BE]
    spanish = _ESTAR[who.person] if passing else forms[1]
    if not no:
        return forms[0], spanish, forms[2]
    wrapped = f"n'{forms[2]} pas" if forms[2].startswith(_VOWELS) else f"ne {forms[2]} pas"
    return f"{forms[0]} not", f"no {spanish}", wrapped


def _going(who: _Who, english: str, spanish: str, verb: int, *, no: bool) -> Three:
    """Return "is eating" with "not" where wanted; French has no such form and says "eats"."""
    french = _FRENCH_VERBS[verb].split()[who.person]
    if no:
        french = f"n'{french} pas" if french.startswith(_VOWELS) else f"ne {french} pas"
    being = _being(who, passing=True, no=no)
    return f"{being[0]} {english}", f"{being[1]} {spanish}", french


def _eats(rng: np.random.Generator) -> Three:
    who = _somebody(rng)
    english, spanish, verb, *stuff = _one(rng, _STUFF)
    what = (str(stuff[0]), str(stuff[1]), str(stuff[2]))
    return _join(who.words, _going(who, english, spanish, verb, no=False), what)


def _acts(rng: np.random.Generator) -> Three:
    who = _somebody(rng)
    going = _going(who, *_one(rng, _DOING), no=rng.random() < 0.3)
    return _join(who.words, going, _group(rng, _THINGS).words)


def _is(rng: np.random.Generator) -> Three:
    person = rng.random() < 0.6
    who = _somebody(rng) if person else _group(rng, _THINGS)
    look = _one(rng, _MOODS if person else _LOOKS)
    many = int(who.person >= 3)
    told = (
        look.english,
        look.spanish[_form(who.genders[0], many)],
        look.french[_form(who.genders[1], many)],
    )
    return _join(who.words, _being(who, passing=look.passing, no=rng.random() < 0.3), told)


def _is_best(rng: np.random.Generator) -> Three:
    who = _group(rng, _LIVING if rng.random() < 0.5 else _THINGS, mine=True)
    english, spanish, french = _one(rng, _BEST)
    many = int(who.person >= 3)
    es, fr = (_form(gender, many) for gender in who.genders)
    told = (
        f"the {english}",
        f"{('el', 'la', 'los', 'las')[es]} {spanish.split()[es]}",
        f"{('le', 'la', 'les', 'les')[fr]} {french.split()[fr]}",
    )
    return _join(who.words, _being(who), told)


def _works(rng: np.random.Generator) -> Three:
    english, spanish, french, person, genders = _one(rng, _PRONOUNS[:3])
    who = _Who((english, spanish, french), person, genders)
    job, trabajo, metier = _one(rng, _JOBS)
    feminine = int(genders[0] == "f")
    told = (f"a {job}", trabajo.split()[feminine], metier.split()[feminine])
    return _join(who.words, _being(who, no=rng.random() < 0.3), told)


def _union(rng: np.random.Generator) -> Three:
    """Return "the european economic area": three words in exactly the other order."""
    many = int(rng.random() < 0.3)
    looks = [_one(rng, _PLACES), _one(rng, _MATTERS)]
    return _phrase(_one(rng, _UNIONS), looks, many)


_SHAPES = (_eats, _acts, _acts, _is, _is_best, _works)
