"""English word forms: plurals, verb forms, comparatives, a/an and numbers."""

_DOUBLED = frozenset({"begin", "cut", "forget", "get", "put", "run", "sit", "stop", "swim", "travel"})
_IRREGULAR_PRESENT = {"be": "is", "have": "has"}
# Words that begin with a written vowel but a spoken consonant, and vice versa.
_CONSONANT_SOUND = ("university", "useful", "European")
_VOWEL_SOUND = ("hour", "honest")


def indefinite_article(following: str) -> str:
    """Return "a" or "an", depending on the following word."""
    if following.startswith(_CONSONANT_SOUND):
        return "a"
    vowel = following[0].lower() in "aeiou" or following.startswith(_VOWEL_SOUND)
    return "an" if vowel else "a"


def plural(noun: str) -> str:
    """Return the regular plural of a noun."""
    return _add_s(noun)


def third_person(verb: str) -> str:
    """Return the third person singular of the present."""
    return _IRREGULAR_PRESENT.get(verb) or _add_s(verb)


def _add_s(word: str) -> str:
    if word.endswith(("s", "sh", "ch", "x")) or word in ("go", "do", "tomato", "hero"):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def past(verb: str) -> str:
    """Return the regular past tense."""
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return (verb + verb[-1] if verb in _DOUBLED else verb) + "ed"


def gerund(verb: str) -> str:
    """Return the -ing form."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee") and verb != "be":
        return verb[:-1] + "ing"
    return (verb + verb[-1] if verb in _DOUBLED else verb) + "ing"


def be(person: int) -> str:
    """Return the present of "be" for a person index (I, -, he, we, you, they)."""
    return ("am", "are", "is", "are", "are", "are")[person]


def was(person: int) -> str:
    """Return the past of "be" for a person index."""
    return "was" if person in (0, 2) else "were"


_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def number(value: int) -> str:
    """Return a number from 1 to 99 in words, as one token."""
    if value < 20:
        return _UNITS[value]
    ten, unit = divmod(value, 10)
    return _TENS[ten] + (f"-{_UNITS[unit]}" if unit else "")
