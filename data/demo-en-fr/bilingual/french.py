"""French word forms: elision, contraction, agreement, conjugation and numbers."""

from dataclasses import dataclass
from typing import Literal

Gender = Literal["m", "f"]


@dataclass(frozen=True)
class Agreement:
    """Gender and number with which an adjective or a participle agrees."""

    gender: Gender = "m"
    plural: bool = False


MASCULINE = Agreement()

# --- Elision and contraction ---------------------------------------------------------------------

_VOWELS = frozenset("aeiouhàâäéèêëîïôöùûüœæ")
# Words with an aspirated h, or treated as such: no elision and no liaison.
_ASPIRATED = ("hache", "hamster", "haricot", "haut", "hérisson", "héros", "hibou", "homard", "huit", "onze")
_ELIDED = {"ce": "c'", "de": "d'", "je": "j'", "la": "l'", "le": "l'", "me": "m'", "ne": "n'", "que": "qu'", "se": "s'"}
_CONTRACTED = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}


def begins_with_vowel_sound(word: str) -> bool:
    """Return whether a word causes elision of the word before it ("y" does, "yaourt" does not)."""
    lowered = word.lower()
    if lowered == "y":
        return True
    return lowered[0] in _VOWELS and not lowered.startswith(_ASPIRATED)


def elide(word: str, following: str) -> str:
    """Return a word as it is written before ``following``: le + homme → l', si + il → s'."""
    if word == "si":
        return "s'" if following in ("il", "ils") else word
    if word in _ELIDED and begins_with_vowel_sound(following):
        return _ELIDED[word]
    return word


def contract(preposition: str, article: str) -> str | None:
    """Return the contraction of a preposition with a definite article, or None if there is none."""
    return _CONTRACTED.get((preposition, article))


# --- Nouns and adjectives ------------------------------------------------------------------------

_PLURALS = {
    "bijou": "bijoux",
    "bleu": "bleus",
    "grand-mère": "grands-mères",
    "grand-père": "grands-pères",
    "hibou": "hiboux",
}
_INVARIABLE = frozenset({"marron"})
_FEMININES = {
    "bas": "basse",
    "beau": "belle",
    "blanc": "blanche",
    "bon": "bonne",
    "doux": "douce",
    "frais": "fraîche",
    "gentil": "gentille",
    "gros": "grosse",
    "italien": "italienne",
    "jaloux": "jalouse",
    "long": "longue",
    "nouveau": "nouvelle",
    "sec": "sèche",
    "vieux": "vieille",
}
_BEFORE_VOWEL = {"beau": "bel", "nouveau": "nouvel", "vieux": "vieil"}


def plural(word: str) -> str:
    """Return the plural of a noun or of one gender of an adjective."""
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith(("eau", "eu")):
        return word + "x"
    if word.endswith("al"):
        return word[:-2] + "aux"
    return word + "s"


def feminine(masculine: str) -> str:
    """Return the feminine singular of an adjective or a participle."""
    if masculine in _FEMININES:
        return _FEMININES[masculine]
    if masculine.endswith("e"):
        return masculine
    if masculine.endswith("eux"):
        return masculine[:-1] + "se"
    if masculine.endswith("er"):
        return masculine[:-2] + "ère"
    return masculine + "e"


def agree(masculine: str, agreement: Agreement) -> str:
    """Return an adjective or a participle in a gender and number."""
    if masculine in _INVARIABLE or " " in masculine:
        return masculine
    form = feminine(masculine) if agreement.gender == "f" else masculine
    return plural(form) if agreement.plural else form


def before_noun(masculine: str, agreement: Agreement, following: str) -> str:
    """Return the form of an adjective before ``following``: beau + arbre → bel."""
    needs_liaison = agreement == MASCULINE and begins_with_vowel_sound(following)
    if needs_liaison and masculine in _BEFORE_VOWEL:
        return _BEFORE_VOWEL[masculine]
    return agree(masculine, agreement)


# --- Verbs ---------------------------------------------------------------------------------------

# Indices into a conjugation: je, tu, il, nous, vous, ils.
JE, TU, IL, NOUS, VOUS, ILS = range(6)

REFLEXIVES = ("me", "te", "se", "nous", "vous", "se")

_PRESENT = {
    "aller": "vais vas va allons allez vont",
    "asseoir": "assieds assieds assied asseyons asseyez asseyent",
    "avoir": "ai as a avons avez ont",
    "boire": "bois bois boit buvons buvez boivent",
    "conduire": "conduis conduis conduit conduisons conduisez conduisent",
    "connaître": "connais connais connaît connaissons connaissez connaissent",
    "construire": "construis construis construit construisons construisez construisent",
    "courir": "cours cours court courons courez courent",
    "devoir": "dois dois doit devons devez doivent",
    "dire": "dis dis dit disons dites disent",
    "dormir": "dors dors dort dormons dormez dorment",
    "écrire": "écris écris écrit écrivons écrivez écrivent",
    "endormir": "endors endors endort endormons endormez endorment",
    "être": "suis es est sommes êtes sont",
    "faire": "fais fais fait faisons faites font",
    "lire": "lis lis lit lisons lisez lisent",
    "mettre": "mets mets met mettons mettez mettent",
    "mourir": "meurs meurs meurt mourons mourez meurent",
    "naître": "nais nais naît naissons naissez naissent",
    "partir": "pars pars part partons partez partent",
    "peindre": "peins peins peint peignons peignez peignent",
    "pouvoir": "peux peux peut pouvons pouvez peuvent",
    "prendre": "prends prends prend prenons prenez prennent",
    "recevoir": "reçois reçois reçoit recevons recevez reçoivent",
    "rire": "ris ris rit rions riez rient",
    "savoir": "sais sais sait savons savez savent",
    "sortir": "sors sors sort sortons sortez sortent",
    "sourire": "souris souris sourit sourions souriez sourient",
    "suivre": "suis suis suit suivons suivez suivent",
    "tenir": "tiens tiens tient tenons tenez tiennent",
    "venir": "viens viens vient venons venez viennent",
    "voir": "vois vois voit voyons voyez voient",
    "vouloir": "veux veux veut voulons voulez veulent",
}
_PARTICIPLES = {
    "asseoir": "assis",
    "avoir": "eu",
    "boire": "bu",
    "conduire": "conduit",
    "connaître": "connu",
    "construire": "construit",
    "courir": "couru",
    "dire": "dit",
    "dormir": "dormi",
    "écrire": "écrit",
    "endormir": "endormi",
    "être": "été",
    "faire": "fait",
    "lire": "lu",
    "mettre": "mis",
    "mourir": "mort",
    "naître": "né",
    "offrir": "offert",
    "ouvrir": "ouvert",
    "peindre": "peint",
    "prendre": "pris",
    "recevoir": "reçu",
    "rire": "ri",
    "sourire": "souri",
    "suivre": "suivi",
    "tenir": "tenu",
    "venir": "venu",
    "voir": "vu",
    "vouloir": "voulu",
}
# Verbs conjugated like another verb with a prefix.
_COMPOUNDS = {
    "appartenir": "tenir",
    "apprendre": "prendre",
    "comprendre": "prendre",
    "devenir": "venir",
    "revenir": "venir",
}
_LIKE_OUVRIR = frozenset({"offrir", "ouvrir"})
_IMPERFECT = {
    "avoir": ("avais", "avais", "avait", "avions", "aviez", "avaient"),
    "être": ("étais", "étais", "était", "étions", "étiez", "étaient"),
}
_WITH_ETRE = frozenset(
    [
        "aller",
        "arriver",
        "descendre",
        "devenir",
        "entrer",
        "monter",
        "mourir",
        "naître",
        "partir",
        "rentrer",
        "rester",
        "retourner",
        "revenir",
        "sortir",
        "tomber",
        "venir",
    ]
)


def takes_etre(infinitive: str) -> bool:
    """Return whether a non-reflexive verb forms its passé composé with être."""
    return infinitive in _WITH_ETRE


def imperfect(infinitive: str, person: int) -> str:
    """Return the imparfait of être or avoir, the two verbs of state that the corpus uses in the past."""
    return _IMPERFECT[infinitive][person]


def participle(infinitive: str) -> str:
    """Return the past participle, masculine singular."""
    if infinitive in _PARTICIPLES:
        return _PARTICIPLES[infinitive]
    if infinitive in _COMPOUNDS:
        model = _COMPOUNDS[infinitive]
        return infinitive.removesuffix(model) + participle(model)
    if infinitive.endswith("er"):
        return infinitive[:-2] + "é"
    if infinitive.endswith("ir"):
        return infinitive[:-1]
    return infinitive[:-2] + "u"


def present(infinitive: str, person: int) -> str:
    """Return the present tense for a person index (JE … ILS)."""
    if infinitive in _PRESENT:
        return _PRESENT[infinitive].split()[person]
    if infinitive in _COMPOUNDS:
        model = _COMPOUNDS[infinitive]
        return infinitive.removesuffix(model) + present(model, person)
    stem = infinitive[:-2]
    if infinitive in _LIKE_OUVRIR:
        return stem + _ER_ENDINGS[person]
    if infinitive.endswith("er"):
        return _er_stem(stem, person) + _ER_ENDINGS[person]
    if infinitive.endswith("ir"):
        return stem + ("is", "is", "it", "issons", "issez", "issent")[person]
    return stem + ("s", "s", "", "ons", "ez", "ent")[person]


_ER_ENDINGS = ("e", "es", "e", "ons", "ez", "ent")
_DOUBLING = frozenset({"appel", "jet"})


def _er_stem(stem: str, person: int) -> str:
    """Return the stem of an -er verb with the spelling changes of a person."""
    if person == NOUS:
        if stem.endswith("g"):
            return stem + "e"
        return stem[:-1] + "ç" if stem.endswith("c") else stem
    if person == VOUS:
        return stem
    # Before a silent ending.
    if stem in _DOUBLING:
        return stem + stem[-1]
    if stem.endswith("y"):
        return stem[:-1] + "i"
    if len(stem) > 2 and stem[-2] in "eé" and stem[-1] not in "aeiouéy":
        return stem[:-2] + "è" + stem[-1]
    return stem


# --- Numbers -------------------------------------------------------------------------------------

_UNITS = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
]
_TENS = {20: "vingt", 30: "trente", 40: "quarante", 50: "cinquante", 60: "soixante", 80: "quatre-vingt"}


def number(value: int, gender: Gender) -> str:
    """Return a number from 1 to 100 in words (traditional spelling): 71 → "soixante et onze"."""
    if value == 100:
        return "cent"
    if value == 80:
        return "quatre-vingts"
    if value < 20:
        return _gendered_one(_UNITS[value], gender)
    ten = value // 10 * 10
    if ten in (70, 90):
        ten -= 10
    rest = value - ten
    if rest == 0:
        return _TENS[ten]
    linker = " et " if rest in (1, 11) and ten != 80 else "-"
    return _gendered_one(_TENS[ten] + linker + _UNITS[rest], gender)


def _gendered_one(words: str, gender: Gender) -> str:
    ends_in_one = words == "un" or words.endswith((" un", "-un"))
    return words + "e" if ends_in_one and gender == "f" else words
