"""Random noun phrases, people and places that make sense."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.chance import Chance
from bilingual.clauses import Adjunct, Located
from bilingual.lexicon import (
    AT,
    BED,
    BEHIND,
    CITIES,
    COLOURS,
    COUNTRIES,
    FARM,
    HOME,
    IN,
    IN_FRONT,
    NAMES,
    NATIONALITIES,
    NEAR,
    NEXT_TO,
    NOUN,
    ON,
    PERSONAL,
    SCHOOL,
    TOWN,
    UNDER,
    Adjective,
    Bare,
    Name,
    Noun,
    Preposition,
    Pronoun,
    Verb,
    nouns,
    words,
)
from bilingual.noun_phrases import POSSESSIVES, Both, Det, Nominal, NounPhrase, possessive_for

# "good" and "boring" do not go together; with any of these every other adjective does.
_COMBINABLE = frozenset((*COLOURS, *NATIONALITIES, "round"))
_PEOPLE = nouns("person")
_KIN = nouns("kin")
# Tags and nouns of what belongs to nobody in particular (a home does).
_NOT_OWNED = words(
    "landscape sky sight exam settlement transport royal building outdoors structure show lion elephant owl mouse bird"
)
_FIXED_PLACES: dict[str, Adjunct] = {"home": HOME, "bed": BED, "farm": FARM, "school": SCHOOL, "town": TOWN}
_AT_PLACES = frozenset(
    ["station", "restaurant", "library", "university", "office", "hospital", "factory", "bank", "hotel", "market"]
)
_ON_PLACES = frozenset({"beach", "chair"})
_SMALL_NUMBERS = (2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10)
_NUMBERS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
_LARGE_NUMBERS = (21, 25, 30, 40, 50, 60, 61, 70, 71, 75, 80, 81, 90, 95)
_MEASURES = (("glass", "glass"), ("cup", "cup"), ("bottle", "bottle"), ("slice", "slice"), ("piece", "slice"))

DESCRIBED = tuple(noun for noun in lexicon.NOUNS if not noun.human and lexicon.adjectives(noun, "predicative"))


class Nominals:
    """Draws noun phrases from the lexicon."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    # --- Numbers and adjectives ------------------------------------------------------------------

    def number(self, noun: Noun) -> int:
        """A plausible number of such things."""
        if noun.tags & {"fruit", "unit"} or noun.en in ("flower", "tree", "biscuit", "egg"):
            return self.any_number()
        return self.chance.pick(_SMALL_NUMBERS)

    def any_number(self) -> int:
        """A number from 2 to 99, small ones more often."""
        return self.chance.pick(_NUMBERS) if self.chance.happens(0.5) else self.chance.pick(_LARGE_NUMBERS)

    def adjective(self, noun: Noun, use: str, before: bool | None = None) -> Adjective | None:
        """An adjective that describes the noun, or None where the lexicon has none."""
        fitting = [
            adjective for adjective in lexicon.adjectives(noun, use) if before is None or adjective.before == before
        ]
        return self.chance.pick(fitting) if fitting else None

    def _adjectives(self, noun: Noun, rate: float) -> tuple[Adjective | None, Adjective | None]:
        """Adjectives for before and after the French noun; seldom both."""
        if not self.chance.happens(rate):
            return None, None
        first = self.adjective(noun, "attributive")
        if first is None:
            return None, None
        if not first.before:
            return None, first
        second = self.adjective(noun, "attributive", before=False)
        if second is not None and second.en in _COMBINABLE and self.chance.happens(0.35):
            return first, second
        return first, None

    def build(self, noun: Noun, det: Det, plural: bool = False, rate: float = 0.33) -> NounPhrase:
        """A noun phrase, perhaps with adjectives."""
        before, after = self._adjectives(noun, rate)
        ordinal = self.adjective(noun, "ordinal") if det is Det.THE and not plural else None
        if ordinal is not None and self.chance.happens(0.12):
            before, after = ordinal, None
        count = self.number(noun) if det is Det.NUMBER else 0
        return NounPhrase(noun, det, plural, before, after, count)

    # --- People ----------------------------------------------------------------------------------

    def subject(self, definite: bool = False) -> Nominal:
        """A human subject."""
        kind = self.chance.weighted((("pronoun", 36), ("name", 16), ("person", 30), ("kin", 13), ("both", 5)))
        if kind == "pronoun":
            return self.chance.pick(PERSONAL)
        if kind == "name":
            return self.chance.pick(NAMES)
        if kind == "person":
            return self.person(definite)
        return self.kin() if kind == "kin" else self.both()

    def topic(self) -> Nominal:
        """Somebody or something to be described."""
        if self.chance.happens(0.45):
            return self.subject(definite=True)
        return self.thing(self.chance.pick(DESCRIBED), rate=0.0)

    def both(self) -> Both:
        """Two people: names, or a name and a relative."""
        first = self.chance.pick(NAMES)
        if self.chance.happens(0.4):
            det = Det.HIS if first.gender == "m" else Det.HER
            kin = self.chance.pick(_KIN)
            return Both(first, NounPhrase(kin, det))
        second = self.chance.pick(NAMES)
        while second == first:
            second = self.chance.pick(NAMES)
        return Both(first, second)

    def person(self, definite: bool = False) -> NounPhrase:
        """Somebody who is not family."""
        noun = self.chance.pick(_PEOPLE)
        # A friend, a neighbour or a guest is somebody's.
        owned = "owned" in noun.tags
        options = [(Det.THE, 10.0 if owned else 60.0), (Det.THIS, 8.0), (Det.THAT, 5.0)]
        if noun.tags & {"served", "owned"}:
            options += [(det, 7.0 if owned else 3.0) for det in POSSESSIVES]
        if not definite:
            options += [(Det.A, 8.0), (Det.NUMBER, 6.0), (Det.SEVERAL, 3.0), (Det.ALL, 3.0), (Det.MANY, 2.0)]
            options += [(Det.A_FEW, 2.0), (Det.EVERY, 3.0)]
        det = self.chance.weighted(options)
        if "royal" in noun.tags and det not in (Det.THE, Det.THIS):
            det = Det.THE
        rate = 0.0 if det is Det.EVERY else 0.22
        return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)

    def kin(self) -> NounPhrase:
        """A member of somebody's family."""
        noun = self.chance.pick(_KIN)
        if self.chance.happens(0.25):
            owner: NounPhrase | Name = self.chance.pick(NAMES)
            if self.chance.happens(0.35):
                owner = NounPhrase(self.chance.pick(_PEOPLE), Det.THE)
            return NounPhrase(noun, Det.OWNER, owner=owner)
        det = self.chance.pick(POSSESSIVES)
        return NounPhrase(noun, det, self.is_plural(noun, det, 0.2))

    def human(self, subject: Nominal) -> NounPhrase | Name:
        """A definite person other than the subject, as an object or a recipient."""
        while (other := self._any_human()) == subject or _same_noun(other, subject):
            pass
        return other

    def _any_human(self) -> NounPhrase | Name:
        kind = self.chance.weighted((("name", 25), ("person", 45), ("kin", 30)))
        if kind == "name":
            return self.chance.pick(NAMES)
        return self.person(definite=True) if kind == "person" else self.kin()

    def other_person(self, subject: Nominal) -> Pronoun:
        """An object pronoun that does not refer to the subject or include it."""
        first, second = {lexicon.I, lexicon.WE}, {lexicon.YOU, lexicon.WE}
        taken: set[Pronoun] = set()
        if subject in first:
            taken |= first
        if subject in second:
            taken |= second
        return self.chance.pick([pronoun for pronoun in PERSONAL if pronoun not in taken])

    def is_plural(self, noun: Noun, det: Det, rate: float) -> bool:
        """Whether the phrase is plural, which some determiners and nouns decide."""
        if noun.tags & {"mass", "single", "definite"} or det in (Det.A, Det.EVERY):
            return False
        if "plural_only" in noun.tags:
            return True
        decided = (Det.NUMBER, Det.SEVERAL, Det.ALL, Det.MANY, Det.A_FEW, Det.TOO_MANY, Det.SOME, Det.BARE)
        if det in decided or det is Det.HOW_MANY:
            return True
        return self.chance.happens(rate)

    # --- Things ----------------------------------------------------------------------------------

    def thing(self, noun: Noun, subject: Nominal | None = None, rate: float = 0.33, played: bool = False) -> NounPhrase:
        """A definite thing (or animal or person): the, this, my or Paul's."""
        if noun.human:
            return self._definite_human(noun)
        if noun.definite:
            return NounPhrase(noun, Det.BARE)
        if "instrument" in noun.tags and played:
            return NounPhrase(noun, Det.THE)
        if (noun.tags & _NOT_OWNED or noun.en in _NOT_OWNED) and "home" not in noun.tags:
            det = self.chance.weighted(((Det.THE, 75), (Det.THIS, 15), (Det.THAT, 10)))
            return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)
        own = possessive_for(subject) if subject is not None else None
        kind = self.chance.weighted((("the", 46), ("this", 14), ("own", 18), ("my", 12), ("owner", 10)))
        if kind == "owner":
            before, after = self._adjectives(noun, rate / 2)
            plural = self.is_plural(noun, Det.OWNER, 0.2)
            return NounPhrase(noun, Det.OWNER, plural, before, after, owner=self._owner())
        if kind == "this":
            det = self.chance.pick((Det.THIS, Det.THIS, Det.THAT))
        elif kind == "own" and own is not None:
            det = own
        else:
            det = Det.THE if kind == "the" else self.chance.pick(POSSESSIVES)
        if noun.tags & {"label"} and det in (Det.THE, Det.THIS, Det.THAT):
            det = own or Det.HER
        return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)

    def _definite_human(self, noun: Noun) -> NounPhrase:
        if "kin" in noun.tags:
            det = self.chance.pick(POSSESSIVES)
            return NounPhrase(noun, det, self.is_plural(noun, det, 0.2))
        det = self.chance.weighted(((Det.THE, 75), (Det.THIS, 15), (Det.THAT, 10)))
        return self.build(noun, det, self.is_plural(noun, det, 0.25), 0.15)

    def _owner(self) -> NounPhrase | Name:
        if self.chance.happens(0.5):
            return self.chance.pick(NAMES)
        if self.chance.happens(0.4):
            noun = self.chance.pick(_KIN)
            return NounPhrase(noun, self.chance.pick(POSSESSIVES))
        return NounPhrase(self.chance.pick(_PEOPLE), Det.THE)

    def object(self, verb: Verb, subject: Nominal, negated: bool) -> NounPhrase:
        """A direct object that makes sense with the verb."""
        noun = self.chance.pick(nouns(verb.objects))
        if noun.human and "kin" in noun.tags and verb is lexicon.HAVE:
            return self._some_kin(noun, negated)
        if verb.bare is Bare.GENERIC:
            return self._liked(noun, subject)
        if verb.definite or noun.definite or noun.tags & {"kin", "sky"}:
            return self.thing(noun, subject, played=verb.en == "play")
        if noun.mass:
            return self._without_some(verb, self._amount(noun, negated))
        # "She had the question" says little: what one has is new to the hearer.
        countable = self.countable(noun, subject, negated, indefinite=verb is lexicon.HAVE)
        return self._without_some(verb, countable)

    @staticmethod
    def _without_some(verb: Verb, np: NounPhrase) -> NounPhrase:
        """After a governing "de" a bare noun does for "some" and "any" alike."""
        return replace(np, det=Det.BARE) if verb.preposition == "de" and np.det is Det.SOME else np

    def _some_kin(self, noun: Noun, negated: bool) -> NounPhrase:
        noun = noun if "single" not in noun.tags else NOUN["brother"]
        if negated:
            return NounPhrase(noun, Det.SOME, plural=True)
        det = self.chance.pick((Det.A, Det.NUMBER, Det.MANY, Det.SEVERAL))
        return NounPhrase(noun, det, det is not Det.A, count=self.chance.pick((2, 3, 4, 5, 6)))

    def _liked(self, noun: Noun, subject: Nominal) -> NounPhrase:
        bare = noun.en != "radio" and "clothing" not in noun.tags
        if bare and (noun.definite or self.chance.happens(0.6)):
            return NounPhrase(noun, Det.BARE, self.is_plural(noun, Det.BARE, 1))
        return self.thing(noun, subject)

    def _amount(self, noun: Noun, negated: bool) -> NounPhrase:
        """Some of an uncountable thing."""
        if negated:
            det = self.chance.weighted(((Det.SOME, 45), (Det.BARE, 35), (Det.THE, 15), (Det.MANY, 5)))
            return self.build(noun, det, rate=0.12)
        measures = [NOUN[name] for name, tag in _MEASURES if tag in noun.tags]
        if measures and self.chance.happens(0.35):
            det = self.chance.pick((Det.A, Det.A, Det.NUMBER))
            measure, count = self.chance.pick(measures), self.chance.pick((2, 3, 4))
            return NounPhrase(measure, det, det is Det.NUMBER, count=count, content=noun)
        options = ((Det.SOME, 35), (Det.BARE, 35), (Det.THE, 16), (Det.MANY, 7), (Det.TOO_MANY, 4), (Det.THIS, 3))
        return self.build(noun, self.chance.weighted(options), rate=0.2)

    def countable(self, noun: Noun, subject: Nominal, negated: bool, indefinite: bool = False) -> NounPhrase:
        """One or some of a countable thing."""
        if not indefinite and self.chance.happens(0.28):
            return self.thing(noun, subject)
        if negated:
            options = [(Det.SOME, 45.0), (Det.BARE, 20.0), (Det.MANY, 10.0), (Det.A, 15.0)]
        else:
            options = [(Det.A, 45.0), (Det.SOME, 24.0), (Det.NUMBER, 14.0), (Det.MANY, 5.0), (Det.A_FEW, 4.0)]
            options += [(Det.SEVERAL, 4.0), (Det.TOO_MANY, 2.0), (Det.BARE, 8.0)]
        if "plural_only" in noun.tags:
            options = [(Det.SOME, 60.0), (Det.BARE, 40.0)]
        if "fruit" in noun.tags and not negated and self.chance.happens(0.1):
            return NounPhrase(NOUN["kilo"], Det.A, content=noun)
        det = self.chance.weighted(options)
        return self.build(noun, det, self.is_plural(noun, det, 0.0))

    # --- Places ----------------------------------------------------------------------------------

    def place(self, places: str) -> Adjunct:
        """One of the places that a verb names."""
        name = self.chance.pick(places.split())
        if name in _FIXED_PLACES:
            return _FIXED_PLACES[name]
        if name in ("country", "city"):
            return self.chance.pick(COUNTRIES if name == "country" else CITIES)
        preposition = AT if name in _AT_PLACES else ON if name in _ON_PLACES else IN
        rate = 0.1 if preposition is IN else 0.0
        return Located(preposition, self._place_phrase(NOUN[name], rate))

    def _place_phrase(self, noun: Noun, rate: float) -> NounPhrase:
        det = Det.THE
        if noun.tags & {"room", "home", "furniture"} and self.chance.happens(0.25):
            det = self.chance.pick(POSSESSIVES)
        return self.build(noun, det, rate=rate)

    def destination(self, preposition: Preposition) -> Adjunct:
        """Where one goes to, arrives at or comes back from."""
        if preposition is lexicon.TO and self.chance.happens(0.3):
            return self.chance.pick(lexicon.DESTINATIONS)
        names = [noun for noun in nouns("building") if noun.en not in ("house", "school")]
        names += [NOUN["market"], NOUN["beach"], NOUN["park"], NOUN["village"], NOUN["office"]]
        return Located(preposition, NounPhrase(self.chance.pick(names), Det.THE))

    def location_of(self, noun: Noun) -> Located:
        """Where a thing, an animal or a person is found."""
        if noun.human or noun.tags & {"animal", "vehicle", "plant"}:
            return self._outside(noun)
        if "furniture" in noun.tags:
            if self.chance.happens(0.4):
                return Located(IN, self._spot(noun, "room"))
            return Located(self.chance.pick((NEAR, NEXT_TO, BEHIND)), self._spot(noun, "furniture door window"))
        if noun.tags & {"food", "drink", "ingredient"}:
            if self.chance.happens(0.5):
                return Located(IN, self._spot(noun, "fridge kitchen bag box"))
            return Located(ON, self._spot(noun, "table desk shelf"))
        kind = self.chance.pick(("on", "under", "in", "near"))
        if kind == "in":
            return Located(IN, self._spot(noun, "container room"))
        if kind == "near":
            near = self.chance.pick((NEAR, NEXT_TO, BEHIND, IN_FRONT))
            return Located(near, self._spot(noun, "furniture door window"))
        return Located(ON, self._spot(noun, "support")) if kind == "on" else Located(UNDER, self._low_spot(noun))

    def _outside(self, noun: Noun) -> Located:
        if (noun.human or "pet" in noun.tags) and self.chance.happens(0.5):
            return Located(IN, self._spot(noun, "room garden park"))
        preposition = self.chance.pick((NEAR, NEXT_TO, IN_FRONT, BEHIND))
        spots = nouns("building structure lake river tree" if "animal" in noun.tags else "building structure")
        return Located(preposition, NounPhrase(self.chance.pick(spots), Det.THE))

    def _low_spot(self, noun: Noun) -> NounPhrase:
        return self._spot(noun, "table chair bed desk sofa armchair")

    def _spot(self, located: Noun, tags: str) -> NounPhrase:
        """A piece of furniture or a room other than the thing itself."""
        noun = self.chance.pick([spot for spot in nouns(tags) if spot is not located])
        det = self.chance.weighted([(Det.THE, 75.0), (Det.THIS, 5.0)] + [(det, 4.0) for det in POSSESSIVES])
        return self.build(noun, det, rate=0.12)


def _same_noun(first: Nominal, second: Nominal) -> bool:
    if not isinstance(first, NounPhrase) or not isinstance(second, NounPhrase):
        return False
    return first.noun == second.noun
