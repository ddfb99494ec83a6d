"""Random clauses about actions and descriptions."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.clauses import AdjectivePhrase, Adjunct, Clause, ClockTime, Degree, Negation, Tense, TimeDistance
from bilingual.french import IL
from bilingual.lexicon import BE, HAVE, MODAL, MODALS, NOUN, PERSONAL, TIMES, Adjective, I, Name, Verb, nouns, words
from bilingual.nominals import NominalSampler
from bilingual.noun_phrases import (
    Coordination,
    Determiner,
    Nominal,
    NounPhrase,
    agreement_of,
    person_of,
    possessive_for,
)
from bilingual.random_source import RandomSource

_ACTIONS = lexicon.DITRANSITIVE + lexicon.INTRANSITIVE + lexicon.TRANSITIVE + lexicon.INDIRECT
VERBS: dict[str, Verb] = {verb.en: verb for verb in _ACTIONS}
_HUMAN_TAGS = frozenset({"person", "kin"})
# Actions that nobody plans or wants.
_ACCIDENTS = frozenset({"lose", "forget", "break", "fall", "get angry", "fall asleep", "cry"})
_UNPLANNED = _ACCIDENTS | {"arrive", "hear", "receive", "see", "meet", "find", "understand"}
# Actions that fit time adverbials of a week or a year; the others fit those of a day.
_LASTING = words(
    "buy sell build visit learn study work travel paint repair meet write go come arrive leave return "
    "stay plant lose swim play"
)
# Verbs of single acts, which take no adverb of frequency.
_SINGLE_ACTS = frozenset(("buy", "sell", "build", "choose", "find", "lose", "begin", "paint", "hide", "break"))
_COMMON = frozenset(("eat", "drink", "buy", "read", "have", "want", "give", "need"))
_LEARNT = frozenset(("swim", "cook", "dance", "sing", "drive", "read", "draw", "write"))
# Actions at a point in time, such as seven o'clock.
_PUNCTUAL = frozenset(("get up", "wake up", "go to bed", "arrive", "leave", "go home", "come home"))
_INDEFINITE = (
    Determiner.A,
    Determiner.ALL,
    Determiner.A_FEW,
    Determiner.EVERY,
    Determiner.MANY,
    Determiner.NUMBER,
    Determiner.SEVERAL,
)
_DAILY_WORDS = {Tense.PRESENT: "present", Tense.PROGRESSIVE: "progressive", Tense.PAST: "past", Tense.FUTURE: "future"}
_INSEPARABLE_PLACES = {"to": lexicon.TO, "from": lexicon.FROM, "at": lexicon.AT}


def is_human(nominal: Nominal) -> bool:
    """Return whether a nominal always denotes a person."""
    if isinstance(nominal, NounPhrase):
        return nominal.noun.human
    return nominal in PERSONAL or isinstance(nominal, Name | Coordination)


def qualities(subject: Nominal) -> tuple[Adjective, ...]:
    """Return the adjectives that can describe a subject after "be"."""
    noun = subject.noun if isinstance(subject, NounPhrase) else NOUN["student"]
    if noun.human and not noun.tags & {"adult", "young", "infant"}:
        noun = NOUN["pupil"]
    # "Il est bon" is natural for a cake, but not for a person.
    return tuple(
        adjective
        for adjective in lexicon.adjectives(noun, "predicative")
        if not noun.human or not adjective.before or adjective.en in ("young", "old")
    )


class ClauseSampler:
    """Sampler of random clauses."""

    def __init__(self, random: RandomSource, nominals: NominalSampler) -> None:
        self.random = random
        self.nominals = nominals

    # --- Tense and negation ----------------------------------------------------------------------

    def tense(self, verb: Verb) -> Tense:
        """Sample a tense that a verb can have."""
        if verb.state:
            past = 25 if verb.infinitive in ("avoir", "être") else 0
            return self.random.weighted(((Tense.PRESENT, 75), (Tense.PAST, past)))
        if verb.en in _ACCIDENTS:
            return self.random.weighted(((Tense.PRESENT, 15), (Tense.PAST, 85)))
        progressive = 0 if verb.momentary else 17
        options = ((Tense.PRESENT, 27), (Tense.PROGRESSIVE, progressive), (Tense.PAST, 34), (Tense.FUTURE, 17))
        return self.random.weighted(options)

    def negation(self, tense: Tense, verb: Verb, rate: float = 0.2) -> Negation | None:
        """Sample a negation or None; "never" is not used with states other than "be"."""
        if not self.random.chance(rate):
            return None
        options = [(Negation.NOT, 76)]
        if tense in (Tense.PRESENT, Tense.PAST) and (verb is BE or not verb.state):
            options.append((Negation.NEVER, 12))
        if tense is Tense.PRESENT:
            options.append((Negation.NO_LONGER, 12))
        return self.random.weighted(options)

    # --- Actions ---------------------------------------------------------------------------------

    def verb(self) -> Verb:
        """Sample a verb."""
        verbs = self.random.weighted(
            (
                (lexicon.TRANSITIVE, 54),
                (lexicon.INTRANSITIVE, 10),
                (lexicon.MOTION, 11),
                (lexicon.REFLEXIVE, 10),
                (lexicon.DITRANSITIVE, 8),
                (lexicon.INDIRECT, 9),
                (lexicon.SENSATIONS, 3),
            )
        )
        return self.random.weighted([(verb, 3.0 if verb.en in _COMMON else 1.0) for verb in verbs])

    def action_verb(self) -> Verb:
        """Sample a verb that is not a state."""
        while (verb := self.verb()).state:
            pass
        return verb

    def planned_verb(self) -> Verb:
        """Sample a verb of an intentional action."""
        while (verb := self.action_verb()).en in _UNPLANNED:
            pass
        return verb

    def clause(
        self,
        subject: Nominal | None = None,
        verb: Verb | None = None,
        tense: Tense | None = None,
        negatable: bool = True,
    ) -> Clause:
        """Sample a clause about an action."""
        verb = verb or self.verb()
        if subject is None:
            subject = self._other_being(verb) or self.nominals.subject(definite=verb.state)
        tense = tense or self.tense(verb)
        # The scope of a negation is ambiguous after a quantifier: "Several boys do not sing".
        clear = not isinstance(subject, NounPhrase) or subject.det not in _INDEFINITE
        negation = self.negation(tense, verb) if negatable and clear else None
        clause = self.unambiguous(self._with_modal(Clause(subject, verb, tense, negation)))
        clause = self._with_adverb(self._with_objects(clause))
        return replace(clause, adjuncts=self.adjuncts(clause))

    @staticmethod
    def unambiguous(clause: Clause) -> Clause:
        """Return the clause in a tense in which it has only one translation.

        A present "they read" becomes progressive, so that this form is always past. A present "I follow" becomes past,
        because its translation "je suis" also means "I am".
        """
        verb, plain = clause.verb, clause.modal is None and clause.negation is not Negation.NOT
        ambiguous = plain and verb.en_past == verb.en_head and person_of(clause.subject) != IL
        follows = verb.en == "follow" and clause.subject is I and clause.modal is None
        if follows and clause.tense in (Tense.PRESENT, Tense.PROGRESSIVE):
            return replace(clause, tense=Tense.PAST)
        if clause.tense is Tense.PRESENT and ambiguous:
            return replace(clause, tense=Tense.PROGRESSIVE, negation=None)
        return clause

    def shortened(self, clause: Clause) -> Clause:
        """Return the clause without adjuncts, except a place that its verb requires."""
        return replace(clause, adjuncts=clause.adjuncts[:1] if self._needs_place(clause.verb) else ())

    @staticmethod
    def _needs_place(verb: Verb) -> bool:
        return verb.places in _INSEPARABLE_PLACES or verb.en in ("live", "stay", "travel")

    def _other_being(self, verb: Verb) -> Nominal | None:
        """Sample an animal or a baby as the subject, if the verb allows one."""
        kinds = " ".join(verb.subjects.split()[1:])
        if not kinds or self.random.chance(0.6):
            return None
        return self.nominals.thing(self.random.pick(nouns(kinds)))

    def _with_modal(self, clause: Clause) -> Clause:
        grown_up = not isinstance(clause.subject, NounPhrase) or bool(clause.subject.noun.tags & _HUMAN_TAGS)
        if clause.tense is not Tense.PRESENT or clause.verb.state or not grown_up:
            return clause
        if clause.verb.en in _UNPLANNED or not self.random.chance(0.35):
            return clause
        modal = self.random.weighted([(modal, 3.0 if modal.auxiliary else 1.0) for modal in MODALS])
        if modal is MODAL["learn"] and clause.verb.en not in _LEARNT:
            modal = MODAL["want"]
        if modal is MODAL["begin"] and clause.verb in lexicon.MOTION + lexicon.REFLEXIVE:
            modal = MODAL["want"]
        negation = clause.negation
        if modal.auxiliary and negation is not None:
            negation = Negation.NOT
        if modal in (MODAL["decide"], MODAL["hope"], MODAL["begin"], MODAL["refuse"], MODAL["prefer"]):
            negation = None
        return replace(clause, modal=modal, negation=negation)

    def _with_objects(self, clause: Clause) -> Clause:
        verb, negated = clause.verb, clause.negation is not None
        if not verb.objects or (verb.optional and self.random.chance(0.15)):
            return clause
        takes_person = bool(_HUMAN_TAGS & set(verb.objects.split())) and verb is not HAVE
        if takes_person and self.random.chance(0.3):
            return replace(clause, object=self.nominals.other_person(clause.subject))
        clause = replace(clause, object=self.nominals.object(verb, clause.subject, negated))
        if not verb.recipients or self.random.chance(0.15):
            return clause
        if self.random.chance(0.5):
            return replace(clause, recipient=self.nominals.other_person(clause.subject))
        return replace(clause, recipient=self.nominals.human(clause.subject))

    def _with_adverb(self, clause: Clause) -> Clause:
        manner = clause.verb.manner.split()
        if not agreement_of(clause.subject).plural and "together" in manner:
            manner.remove("together")
        if manner and clause.object is None and self.random.chance(0.35):
            return replace(clause, adverb=lexicon.MANNER[self.random.pick(manner)])
        if clause.verb.state or clause.modal is not None:
            return clause
        counted = isinstance(clause.object, NounPhrase) and clause.object.det in _INDEFINITE
        habitual = clause.tense in (Tense.PRESENT, Tense.PAST) and not counted and clause.verb.en not in _SINGLE_ACTS
        if habitual and clause.negation is None and self.random.chance(0.14):
            return replace(clause, adverb=self.random.pick(lexicon.FREQUENCY))
        completed = clause.tense is Tense.PAST and clause.negation in (None, Negation.NOT)
        if completed and self.random.chance(0.14):
            adverb = lexicon.ALREADY if clause.negation is None else lexicon.YET
            return replace(clause, tense=Tense.PERFECT, adverb=adverb)
        return clause

    # --- Place and time --------------------------------------------------------------------------

    def adjuncts(self, clause: Clause) -> tuple[Adjunct, ...]:
        """Sample a place and a time, both optional."""
        place, time = self._place(clause), self._time(clause)
        return tuple(adjunct for adjunct in (place, time) if adjunct is not None)

    def _place(self, clause: Clause) -> Adjunct | None:
        places = clause.verb.places
        if places in _INSEPARABLE_PLACES:
            return self.nominals.destination(_INSEPARABLE_PLACES[places])
        wanted = self._needs_place(clause.verb) or self.random.chance(0.33)
        if not places or clause.recipient is not None or not wanted:
            return None
        return self.nominals.place(places)

    def _time(self, clause: Clause) -> Adjunct | None:
        frequent = clause.adverb in (*lexicon.FREQUENCY, lexicon.ALREADY, lexicon.YET)
        timeless = clause.negation in (Negation.NEVER, Negation.NO_LONGER)
        if frequent or timeless or not self.random.chance(0.4):
            return None
        if clause.verb.state:
            present = clause.tense is Tense.PRESENT and clause.verb.infinitive in ("avoir", "vouloir")
            return self.random.pick(TIMES["state"]) if present and self.random.chance(0.3) else None
        if clause.modal is not None:
            later = clause.modal.auxiliary or clause.modal.en in ("want", "hope", "decide")
            return self.random.pick(TIMES["future"]) if later else None
        if clause.verb.en in _PUNCTUAL and clause.tense is not Tense.PROGRESSIVE and self.random.chance(0.5):
            return ClockTime(self.random.pick(range(1, 12)))
        return self._date(clause)

    def _date(self, clause: Clause) -> Adjunct | None:
        """Sample a time that fits the tense and the duration of the action."""
        lasting = clause.verb.en in _LASTING
        if clause.tense is Tense.PAST and clause.negation is None and self.random.chance(0.3):
            return TimeDistance(self._span("hour minute day week month year" if lasting else "hour minute day"))
        if clause.tense is Tense.FUTURE and self.random.chance(0.12):
            return TimeDistance(self._span("hour minute day"), after=True)
        span = _DAILY_WORDS[clause.tense]
        if clause.tense is Tense.PRESENT and clause.verb.en in _SINGLE_ACTS:
            return None
        if lasting and clause.tense is not Tense.PROGRESSIVE:
            span += ", lasting"
        return self.random.pick(TIMES[span])

    def _span(self, units: str) -> NounPhrase:
        noun = self.random.pick([unit for unit in nouns("time date") if unit.en in units.split()])
        counts = (10, 20, 30, 40) if noun.en == "minute" else (2, 2, 3, 3, 4, 5, 6)
        return NounPhrase(noun, Determiner.NUMBER, plural=True, count=self.random.pick(counts))

    def years(self) -> TimeDistance:
        """Sample "… years ago"."""
        count = self.random.pick((2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30))
        return TimeDistance(NounPhrase(NOUN["year"], Determiner.NUMBER, plural=True, count=count))

    # --- Descriptions ----------------------------------------------------------------------------

    def described(self, subject: Nominal, only: frozenset[str] | None = None) -> Clause:
        """Sample a description of a subject by a sensation or an adjective (restricted to ``only``)."""
        if is_human(subject) and self.random.chance(0.2) and only is not lexicon.POSITIVE:
            verb = self.random.pick(lexicon.SENSATIONS[:5] if only else lexicon.SENSATIONS)
            tense = self.tense(verb)
            return Clause(subject, verb, tense, self.negation(tense, verb))
        fitting = [adjective for adjective in qualities(subject) if only is None or adjective.en in only]
        adjective = self.random.pick(fitting or qualities(subject))
        degree = Degree.PLAIN
        if lexicon.gradable(adjective) and self.random.chance(0.3):
            degree = self.random.pick((Degree.VERY, Degree.VERY, Degree.TOO, Degree.SO))
        tense = self.random.weighted(((Tense.PRESENT, 68), (Tense.PAST, 32)))
        if adjective.en in lexicon.NATIONALITIES + lexicon.COLOURS:
            tense = Tense.PRESENT
        complement = AdjectivePhrase(adjective, degree)
        return Clause(subject, BE, tense, self.negation(tense, BE, 0.18), complement=complement)

    def body_care(self) -> Clause:
        """Sample a clause such as "She washes her hands" (elle se lave les mains)."""
        subject = self.nominals.subject()
        verb, singular, plural, fr = self.random.pick(lexicon.BODY_PARTS)
        en = plural if agreement_of(subject).plural else singular
        tense = self.tense(verb)
        owner = possessive_for(subject) or Determiner.HIS
        part = lexicon.Expression(f"{owner.value} {en}", fr, "0-0 1-1")
        clause = Clause(subject, verb, tense, self.negation(tense, verb), complement=part)
        return replace(clause, adjuncts=self.adjuncts(clause))
