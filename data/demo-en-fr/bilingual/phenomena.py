"""Translation phenomena in the corpus, each with a pattern that finds it."""

import re

_BEFORE = "beaux?|belles?|bel|nouve(?:l|lles?|aux?)|vie(?:ux|il|illes?)|grande?s?|petite?s?|bon(?:ne)?s?|jolie?s?"
_AFTER = (
    "rouges?|bleue?s?|verte?s?|noire?s?|blan(?:c|che)s?|jaunes?|grise?s?|françaises?|français|anglaise?s?|"
    "italien(?:ne)?s?|chère?s?|difficiles?|intéressante?s?"
)
_MASS = "pain|fromage|viande|riz|soupe|eau|lait|café|thé|vin|bière|huile|jus|poisson|chocolat|limonade|sucre|sel"
_PARTICIPLE = r"\w+(?:é|i|u|is|it|ert)"
_AVOIR, _ETRE = "(?:ai|a|avons|avez|ont)", "(?:suis|est|sommes|êtes|sont)"
_MOVED = "(?:allé|venu|arrivé|parti|sorti|entré|monté|descendu|tombé|resté|rentré|retourné|revenu|devenu|né|mort)"
_AGREED = rf"{_AVOIR} (?:pas |jamais )?\w+(?:ées?|és|ues?|us|ies?|tes?|ts|ises?)\b"
_VERB = r"\w+(?:e|ent|ons|ez|er|ir|re)\b"
_JOB = "(?:doctor|teacher|nurse|actor|actress|writer|lawyer|engineer|singer|baker|waiter|waitress|farmer)"

# Name → patterns of the English and the French sentence; an empty pattern matches every sentence.
_PATTERNS: dict[str, tuple[str, str]] = {
    "elision of the article: l'": ("", r"\bl'\w"),
    "elision of de: d'": ("", r"\bd'\w"),
    "elision of ne: n'": ("", r"\bn'\w"),
    "elision of je: j'": ("", r"\bj'\w"),
    "elision of que: qu'": ("", r"\bqu'\w"),
    "elision of se, me: s', m'": ("", r"\b[sm]'(?!il)\w"),
    "elision of si: s'il": (r"\bif\b", r"\bs'ils?\b"),
    "no elision before an aspirated h": ("", r"\b(?:le|la|de|que|ce) h(?:éros|ibou|amster|aricot|ache|aut)"),
    "contraction au, aux": ("", r"\b(?:au|aux)\b"),
    "contraction du, des": (r"\b(?:from|to|of|near|about|play\w*) the\b|the .*'s", r"\b(?:du|des)\b"),
    "partitive du, de la, de l'": ("", rf"\b(?:du|de la|de l') ?(?:{_MASS})\b"),
    "pas de": (r"\bnot\b|\bno\b|\bnever\b|\bcannot\b", r"\b(?:pas|jamais|plus)\b.* (?:de |d')"),
    "de before an adjective in the plural": ("", rf"\bde (?:{_BEFORE}|hauts|hautes|gros)(?<=[sx]) \w+[sx]\b"),
    "adjective before the noun": ("", rf"\b(?:une?|les?|la|des?|mon|ma|ce|cette) (?:{_BEFORE}) \w"),
    "adjective after the noun": ("", rf"\w (?:{_AFTER})\b"),
    "bel, nouvel, vieil, cet before a vowel": ("", r"\b(?:bel|nouvel|vieil|cet)\b"),
    "ne … pas": (r"\bnot\b|\bno\b|\bcannot\b", r"\b(?:ne |n').*\bpas\b"),
    "ne … jamais": (r"\bnever\b", r"\b(?:ne |n').*\bjamais\b"),
    "ne … plus": (r"\bno longer\b", r"\b(?:ne |n').*\bplus\b"),
    "negation in the passé composé": ("", rf"\b(?:{_AVOIR}|{_ETRE}) (?:pas|jamais) (?:encore )?{_PARTICIPLE}"),
    "yes/no question": (r"^(?:Is|Are|Am|Was|Were|Do|Does|Did|Has|Have|Can|Must)\b.*\?$", r"^Est-ce qu"),
    "question with a word": (r"^(?:Where|When|Why|What|Who|Which|How)\b", r"\?$"),
    "passé composé with avoir": ("", rf"\b{_AVOIR} (?:(?!de\b)\w+ )?{_PARTICIPLE}e?s?\b"),
    "passé composé with être": ("", rf"\b{_ETRE} (?:pas |déjà |jamais )?{_MOVED}"),
    "participle agreeing with an object before it": ("", rf"(?:\b(?:l'|les )|\w qu.*\b){_AGREED}"),
    "futur proche": (r"\bgoing to\b", r"\b(?:vais|va|allons|allez|vont)\b"),
    "imparfait of être and avoir": ("", r"\b(?:étai\w+|étions|étiez|avai\w+|avions|aviez)\b"),
    "possessive": ("", r"\b(?:mon|ma|mes|votre|vos|son|sa|ses|notre|nos|leurs?)\b"),
    "reflexive verb": ("", r"\b(?:me |m'|se |s'(?!il)|nous nous |vous vous )\w"),
    "object pronoun before the verb": (
        r"\b(?:me|you|him|her|us|them|it)\b",
        rf"\b(?:me |m')\w|\b(?:l'|les ){_AVOIR}\b|\b(?:v\w+|all\w+|ne|ils?|elles?|je) (?:la |le |les |l')\w",
    ),
    "indirect pronoun lui, leur": (r"\b(?:him|her|them)\b", rf"\blui {_VERB}|\b(?:lui|leur) {_AVOIR}\b"),
    "stressed pronoun": (
        r"\b(?:me|him|her|us|them)\b",
        r"\b(?:à |de |d'|que |qu')(?:moi|lui|elles?|nous|eux)(?=[ .?!]*$)",
    ),
    "number": ("", r"\b(?:deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente|soixante)\b"),
    "number above sixty": ("", r"\b(?:soixante|quatre-vingt)"),
    "il y a": (r"\bthere (?:is|are|was|were)\b|there\b", r"\bil (?:n')?y a"),
    "il y a: ago": (r"\bago\b", r"\bil y a\b"),
    "comparison": (r"\bthan\b|\bas \w+ as\b", r"\b(?:plus|moins|aussi|meilleur)"),
    "relative clause with qui": (r"\b(?:who|that)\b", r"\w qui "),
    "relative clause with que": (r"\w that\b", r"\w (?:que |qu')"),
    "parce que": (r"\bbecause\b", r"\bparce qu"),
    "si and quand": (r"^(?:If|When)\b.*,", r"^(?:Si|S'il|Quand)"),
    "que after a verb of saying": (r"\b(?:say|think|know|hope)s? that\b", r"\bqu"),
    "imperative": (r"^[A-Z]\w+ .*(?:please\.|!)$", r"^(?:Ne |N')?\w+ez\b"),
    "avoir for be": ("", r"\b(?:faim|soif|sommeil|raison|tort|peur|ans)\b"),
    "quantity with de": ("", r"\b(?:beaucoup|trop|combien|kilo|verres?|bouteilles?|tasses?|tranches?) (?:de |d')"),
    "possessor: Paul's": (r"\w's?\b .*", r"\b(?:de|d'|du|des)"),
    "verb before an infinitive": (
        "",
        r"\b(?:peut|peux|peuvent|pouv\w+|doi\w+|dev[oe]\w+|veu\w+|voul\w+|esp[éè]r\w+|essa\w+|refus\w+|décid\w+)"
        r" .*\w(?:er|ir|re|oir)\b",
    ),
    "profession without an article": (rf"\b(?:am|is|are|was|were|became|become) (?:an? )?{_JOB}s?\.", ""),
}
PHENOMENA: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    name: (re.compile(en, re.IGNORECASE), re.compile(fr, re.IGNORECASE)) for name, (en, fr) in _PATTERNS.items()
}


def shows_phenomenon(name: str, en: str, fr: str) -> bool:
    """Return whether a sentence pair contains a phenomenon."""
    source, target = PHENOMENA[name]
    return bool(source.search(en)) and bool(target.search(fr))
