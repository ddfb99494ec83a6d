"""Random noun phrases for things, people and places."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.clauses import Adjunct, PrepositionalPhrase
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
    BareObject,
    Name,
    Noun,
    Preposition,
    Pronoun,
    Verb,
    nouns,
    words,
)
from bilingual.noun_phrases import POSSESSIVES, Coordination, Determiner, Nominal, NounPhrase, possessive_for
from bilingual.random_source import RandomSource

# Adjectives that combine with any other one, unlike "good" and "boring".
_COMBINABLE = frozenset((*COLOURS, *NATIONALITIES, "round"))
_PEOPLE = nouns("person")
_KIN = nouns("kin")
# Tags and nouns of things without an owner; homes are an exception.
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


class NominalSampler:
    """Sampler of random noun phrases."""

    def __init__(self, random: RandomSource) -> None:
        self.random = random

    # --- Numbers and adjectives ------------------------------------------------------------------

    def number(self, noun: Noun) -> int:
        """Sample a plausible number of the things that a noun denotes."""
        if noun.tags & {"fruit", "unit"} or noun.en in ("flower", "tree", "biscuit", "egg"):
            return self.any_number()
        return self.random.pick(_SMALL_NUMBERS)

    def any_number(self) -> int:
        """Sample a number from 2 to 99, preferring small ones."""
        return self.random.pick(_NUMBERS) if self.random.chance(0.5) else self.random.pick(_LARGE_NUMBERS)

    def adjective(self, noun: Noun, use: str, before: bool | None = None) -> Adjective | None:
        """Sample an adjective that describes the noun, or None if the lexicon has none."""
        fitting = [
            adjective for adjective in lexicon.adjectives(noun, use) if before is None or adjective.before == before
        ]
        return self.random.pick(fitting) if fitting else None

    def _adjectives(self, noun: Noun, rate: float) -> tuple[Adjective | None, Adjective | None]:
        """Sample adjectives for the positions before and after the French noun; rarely both."""
        if not self.random.chance(rate):
            return None, None
        first = self.adjective(noun, "attributive")
        if first is None:
            return None, None
        if not first.before:
            return None, first
        second = self.adjective(noun, "attributive", before=False)
        if second is not None and second.en in _COMBINABLE and self.random.chance(0.35):
            return first, second
        return first, None

    def build(self, noun: Noun, det: Determiner, plural: bool = False, rate: float = 0.33) -> NounPhrase:
        """Sample a noun phrase with optional adjectives."""
        before, after = self._adjectives(noun, rate)
        ordinal = self.adjective(noun, "ordinal") if det is Determiner.THE and not plural else None
        if ordinal is not None and self.random.chance(0.12):
            before, after = ordinal, None
        count = self.number(noun) if det is Determiner.NUMBER else 0
        return NounPhrase(noun, det, plural, before, after, count)

    # --- People ----------------------------------------------------------------------------------

    def subject(self, definite: bool = False) -> Nominal:
        """Sample a human subject."""
        kind = self.random.weighted((("pronoun", 36), ("name", 16), ("person", 30), ("kin", 13), ("both", 5)))
        if kind == "pronoun":
            return self.random.pick(PERSONAL)
        if kind == "name":
            return self.random.pick(NAMES)
        if kind == "person":
            return self.person(definite)
        return self.kin() if kind == "kin" else self.both()

    def topic(self) -> Nominal:
        """Sample a person or thing to describe."""
        if self.random.chance(0.45):
            return self.subject(definite=True)
        return self.thing(self.random.pick(DESCRIBED), rate=0.0)

    def both(self) -> Coordination:
        """Sample two people: names, or a name and a relative."""
        first = self.random.pick(NAMES)
        if self.random.chance(0.4):
            det = Determiner.HIS if first.gender == "m" else Determiner.HER
            kin = self.random.pick(_KIN)
            return Coordination(first, NounPhrase(kin, det))
        second = self.random.pick(NAMES)
        while second == first:
            second = self.random.pick(NAMES)
        return Coordination(first, second)

    def person(self, definite: bool = False) -> NounPhrase:
        """Sample a person outside the family."""
        noun = self.random.pick(_PEOPLE)
        # Friends, neighbours and guests usually have a possessor.
        owned = "owned" in noun.tags
        options = [(Determiner.THE, 10.0 if owned else 60.0), (Determiner.THIS, 8.0), (Determiner.THAT, 5.0)]
        if noun.tags & {"served", "owned"}:
            options += [(det, 7.0 if owned else 3.0) for det in POSSESSIVES]
        if not definite:
            options += [
                (Determiner.A, 8.0),
                (Determiner.NUMBER, 6.0),
                (Determiner.SEVERAL, 3.0),
                (Determiner.ALL, 3.0),
                (Determiner.MANY, 2.0),
            ]
            options += [(Determiner.A_FEW, 2.0), (Determiner.EVERY, 3.0)]
        det = self.random.weighted(options)
        if "royal" in noun.tags and det not in (Determiner.THE, Determiner.THIS):
            det = Determiner.THE
        rate = 0.0 if det is Determiner.EVERY else 0.22
        return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)

    def kin(self) -> NounPhrase:
        """Sample a relative."""
        noun = self.random.pick(_KIN)
        if self.random.chance(0.25):
            owner: NounPhrase | Name = self.random.pick(NAMES)
            if self.random.chance(0.35):
                owner = NounPhrase(self.random.pick(_PEOPLE), Determiner.THE)
            return NounPhrase(noun, Determiner.OWNER, owner=owner)
        det = self.random.pick(POSSESSIVES)
        return NounPhrase(noun, det, self.is_plural(noun, det, 0.2))

    def human(self, subject: Nominal) -> NounPhrase | Name:
        """Sample a definite person other than the subject, as an object or a recipient."""
        while (other := self._any_human()) == subject or _same_noun(other, subject):
            pass
        return other

    def _any_human(self) -> NounPhrase | Name:
        kind = self.random.weighted((("name", 25), ("person", 45), ("kin", 30)))
        if kind == "name":
            return self.random.pick(NAMES)
        return self.person(definite=True) if kind == "person" else self.kin()

    def other_person(self, subject: Nominal) -> Pronoun:
        """Sample an object pronoun that neither refers to the subject nor includes it."""
        first, second = {lexicon.I, lexicon.WE}, {lexicon.YOU, lexicon.WE}
        taken: set[Pronoun] = set()
        if subject in first:
            taken |= first
        if subject in second:
            taken |= second
        return self.random.pick([pronoun for pronoun in PERSONAL if pronoun not in taken])

    def is_plural(self, noun: Noun, det: Determiner, rate: float) -> bool:
        """Sample the number of a noun phrase, which some determiners and nouns determine."""
        if noun.tags & {"mass", "single", "definite"} or det in (Determiner.A, Determiner.EVERY):
            return False
        if "plural_only" in noun.tags:
            return True
        decided = (
            Determiner.NUMBER,
            Determiner.SEVERAL,
            Determiner.ALL,
            Determiner.MANY,
            Determiner.A_FEW,
            Determiner.TOO_MANY,
            Determiner.SOME,
            Determiner.BARE,
        )
        if det in decided or det is Determiner.HOW_MANY:
            return True
        return self.random.chance(rate)

    # --- Things ----------------------------------------------------------------------------------

    def thing(self, noun: Noun, subject: Nominal | None = None, rate: float = 0.33, played: bool = False) -> NounPhrase:
        """Sample a definite thing, animal or person: the, this, my or Paul's."""
        if noun.human:
            return self._definite_human(noun)
        if noun.definite:
            return NounPhrase(noun, Determiner.BARE)
        if "instrument" in noun.tags and played:
            return NounPhrase(noun, Determiner.THE)
        if (noun.tags & _NOT_OWNED or noun.en in _NOT_OWNED) and "home" not in noun.tags:
            det = self.random.weighted(((Determiner.THE, 75), (Determiner.THIS, 15), (Determiner.THAT, 10)))
            return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)
        own = possessive_for(subject) if subject is not None else None
        kind = self.random.weighted((("the", 46), ("this", 14), ("own", 18), ("my", 12), ("owner", 10)))
        if kind == "owner":
            before, after = self._adjectives(noun, rate / 2)
            plural = self.is_plural(noun, Determiner.OWNER, 0.2)
            return NounPhrase(noun, Determiner.OWNER, plural, before, after, owner=self._owner())
        if kind == "this":
            det = self.random.pick((Determiner.THIS, Determiner.THIS, Determiner.THAT))
        elif kind == "own" and own is not None:
            det = own
        else:
            det = Determiner.THE if kind == "the" else self.random.pick(POSSESSIVES)
        if noun.tags & {"label"} and det in (Determiner.THE, Determiner.THIS, Determiner.THAT):
            det = own or Determiner.HER
        return self.build(noun, det, self.is_plural(noun, det, 0.25), rate)

    def _definite_human(self, noun: Noun) -> NounPhrase:
        if "kin" in noun.tags:
            det = self.random.pick(POSSESSIVES)
            return NounPhrase(noun, det, self.is_plural(noun, det, 0.2))
        det = self.random.weighted(((Determiner.THE, 75), (Determiner.THIS, 15), (Determiner.THAT, 10)))
        return self.build(noun, det, self.is_plural(noun, det, 0.25), 0.15)

    def _owner(self) -> NounPhrase | Name:
        if self.random.chance(0.5):
            return self.random.pick(NAMES)
        if self.random.chance(0.4):
            noun = self.random.pick(_KIN)
            return NounPhrase(noun, self.random.pick(POSSESSIVES))
        return NounPhrase(self.random.pick(_PEOPLE), Determiner.THE)

    def object(self, verb: Verb, subject: Nominal, negated: bool) -> NounPhrase:
        """Sample a direct object that makes sense with the verb."""
        noun = self.random.pick(nouns(verb.objects))
        if noun.human and "kin" in noun.tags and verb is lexicon.HAVE:
            return self._some_kin(noun, negated)
        if verb.bare is BareObject.GENERIC:
            return self._liked(noun, subject)
        if verb.definite or noun.definite or noun.tags & {"kin", "sky"}:
            return self.thing(noun, subject, played=verb.en == "play")
        if noun.mass:
            return self._without_some(verb, self._amount(noun, negated))
        # The object of "have" is indefinite: "She had the question" is unnatural.
        countable = self.countable(noun, subject, negated, indefinite=verb is lexicon.HAVE)
        return self._without_some(verb, countable)

    @staticmethod
    def _without_some(verb: Verb, np: NounPhrase) -> NounPhrase:
        """Replace "some" and "any" by a bare noun after a governing "de"."""
        return replace(np, det=Determiner.BARE) if verb.preposition == "de" and np.det is Determiner.SOME else np

    def _some_kin(self, noun: Noun, negated: bool) -> NounPhrase:
        noun = noun if "single" not in noun.tags else NOUN["brother"]
        if negated:
            return NounPhrase(noun, Determiner.SOME, plural=True)
        det = self.random.pick((Determiner.A, Determiner.NUMBER, Determiner.MANY, Determiner.SEVERAL))
        return NounPhrase(noun, det, det is not Determiner.A, count=self.random.pick((2, 3, 4, 5, 6)))

    def _liked(self, noun: Noun, subject: Nominal) -> NounPhrase:
        bare = noun.en != "radio" and "clothing" not in noun.tags
        if bare and (noun.definite or self.random.chance(0.6)):
            return NounPhrase(noun, Determiner.BARE, self.is_plural(noun, Determiner.BARE, 1))
        return self.thing(noun, subject)

    def _amount(self, noun: Noun, negated: bool) -> NounPhrase:
        """Sample an amount of an uncountable thing."""
        if negated:
            det = self.random.weighted(
                ((Determiner.SOME, 45), (Determiner.BARE, 35), (Determiner.THE, 15), (Determiner.MANY, 5))
            )
            return self.build(noun, det, rate=0.12)
        measures = [NOUN[name] for name, tag in _MEASURES if tag in noun.tags]
        if measures and self.random.chance(0.35):
            det = self.random.pick((Determiner.A, Determiner.A, Determiner.NUMBER))
            measure, count = self.random.pick(measures), self.random.pick((2, 3, 4))
            return NounPhrase(measure, det, det is Determiner.NUMBER, count=count, content=noun)
        options = (
            (Determiner.SOME, 35),
            (Determiner.BARE, 35),
            (Determiner.THE, 16),
            (Determiner.MANY, 7),
            (Determiner.TOO_MANY, 4),
            (Determiner.THIS, 3),
        )
        return self.build(noun, self.random.weighted(options), rate=0.2)

    def countable(self, noun: Noun, subject: Nominal, negated: bool, indefinite: bool = False) -> NounPhrase:
        """Sample one or several of a countable thing."""
        if not indefinite and self.random.chance(0.28):
            return self.thing(noun, subject)
        if negated:
            options = [(Determiner.SOME, 45.0), (Determiner.BARE, 20.0), (Determiner.MANY, 10.0), (Determiner.A, 15.0)]
        else:
            options = [
                (Determiner.A, 45.0),
                (Determiner.SOME, 24.0),
                (Determiner.NUMBER, 14.0),
                (Determiner.MANY, 5.0),
                (Determiner.A_FEW, 4.0),
            ]
            options += [(Determiner.SEVERAL, 4.0), (Determiner.TOO_MANY, 2.0), (Determiner.BARE, 8.0)]
        if "plural_only" in noun.tags:
            options = [(Determiner.SOME, 60.0), (Determiner.BARE, 40.0)]
        if "fruit" in noun.tags and not negated and self.random.chance(0.1):
            return NounPhrase(NOUN["kilo"], Determiner.A, content=noun)
        det = self.random.weighted(options)
        return self.build(noun, det, self.is_plural(noun, det, 0.0))

    # --- Places ----------------------------------------------------------------------------------

    def place(self, places: str) -> Adjunct:
        """Sample one of the places that a verb lists."""
        name = self.random.pick(places.split())
        if name in _FIXED_PLACES:
            return _FIXED_PLACES[name]
        if name in ("country", "city"):
            return self.random.pick(COUNTRIES if name == "country" else CITIES)
        preposition = AT if name in _AT_PLACES else ON if name in _ON_PLACES else IN
        rate = 0.1 if preposition is IN else 0.0
        return PrepositionalPhrase(preposition, self._place_phrase(NOUN[name], rate))

    def _place_phrase(self, noun: Noun, rate: float) -> NounPhrase:
        det = Determiner.THE
        if noun.tags & {"interior", "home", "furniture"} and self.random.chance(0.25):
            det = self.random.pick(POSSESSIVES)
        return self.build(noun, det, rate=rate)

    def destination(self, preposition: Preposition) -> Adjunct:
        """Sample the destination or origin of a movement."""
        if preposition is lexicon.TO and self.random.chance(0.3):
            return self.random.pick(lexicon.DESTINATIONS)
        names = [noun for noun in nouns("building") if noun.en not in ("house", "school")]
        names += [NOUN["market"], NOUN["beach"], NOUN["park"], NOUN["village"], NOUN["office"]]
        return PrepositionalPhrase(preposition, NounPhrase(self.random.pick(names), Determiner.THE))

    def location_of(self, noun: Noun) -> PrepositionalPhrase:
        """Sample a plausible location of a thing, an animal or a person."""
        if noun.human or noun.tags & {"animal", "vehicle", "plant"}:
            return self._outside(noun)
        if "furniture" in noun.tags:
            if self.random.chance(0.4):
                return PrepositionalPhrase(IN, self._spot(noun, "interior"))
            return PrepositionalPhrase(
                self.random.pick((NEAR, NEXT_TO, BEHIND)), self._spot(noun, "furniture door window")
            )
        if noun.tags & {"food", "drink", "ingredient"}:
            if self.random.chance(0.5):
                return PrepositionalPhrase(IN, self._spot(noun, "fridge kitchen bag box"))
            return PrepositionalPhrase(ON, self._spot(noun, "table desk shelf"))
        kind = self.random.pick(("on", "under", "in", "near"))
        if kind == "in":
            return PrepositionalPhrase(IN, self._spot(noun, "container interior"))
        if kind == "near":
            near = self.random.pick((NEAR, NEXT_TO, BEHIND, IN_FRONT))
            return PrepositionalPhrase(near, self._spot(noun, "furniture door window"))
        return (
            PrepositionalPhrase(ON, self._spot(noun, "support"))
            if kind == "on"
            else PrepositionalPhrase(UNDER, self._low_spot(noun))
        )

    def _outside(self, noun: Noun) -> PrepositionalPhrase:
        if (noun.human or "pet" in noun.tags) and self.random.chance(0.5):
            return PrepositionalPhrase(IN, self._spot(noun, "interior garden park"))
        preposition = self.random.pick((NEAR, NEXT_TO, IN_FRONT, BEHIND))
        spots = nouns("building structure lake river tree" if "animal" in noun.tags else "building structure")
        return PrepositionalPhrase(preposition, NounPhrase(self.random.pick(spots), Determiner.THE))

    def _low_spot(self, noun: Noun) -> NounPhrase:
        return self._spot(noun, "table chair bed desk sofa armchair")

    def _spot(self, located: Noun, tags: str) -> NounPhrase:
        """Sample a piece of furniture or an interior other than the thing itself."""
        noun = self.random.pick([spot for spot in nouns(tags) if spot is not located])
        det = self.random.weighted(
            [(Determiner.THE, 75.0), (Determiner.THIS, 5.0)] + [(det, 4.0) for det in POSSESSIVES]
        )
        return self.build(noun, det, rate=0.12)


def _same_noun(first: Nominal, second: Nominal) -> bool:
    if not isinstance(first, NounPhrase) or not isinstance(second, NounPhrase):
        return False
    return first.noun == second.noun
