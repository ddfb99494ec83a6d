"""Random clauses about what people do and what they and things are like."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.chance import Chance
from bilingual.clauses import AdjectivePhrase, Adjunct, Ago, Clause, Degree, Negation, OClock, Tense
from bilingual.french import IL
from bilingual.lexicon import BE, HAVE, MODAL, MODALS, NOUN, PERSONAL, TIMES, Adjective, I, Name, Verb, nouns, words
from bilingual.nominals import Nominals
from bilingual.noun_phrases import Both, Det, Nominal, NounPhrase, agreement_of, person_of, possessive_for

_ACTIONS = lexicon.DITRANSITIVE + lexicon.INTRANSITIVE + lexicon.TRANSITIVE + lexicon.INDIRECT
VERBS: dict[str, Verb] = {verb.en: verb for verb in _ACTIONS}
_HUMAN_TAGS = frozenset({"person", "kin"})
# Nobody plans these, or wants them.
_ACCIDENTS = frozenset({"lose", "forget", "break", "fall", "get angry", "fall asleep", "cry"})
_UNPLANNED = _ACCIDENTS | {"arrive", "hear", "receive", "see", "meet", "find", "understand"}
# These may be told of a whole week or year; the others are a matter of a day.
_LASTING = words(
    "buy sell build visit learn study work travel paint repair meet write go come arrive leave return "
    "stay plant lose swim play"
)
# Verbs of a single act, of which one does not say how often it is done.
_SINGLE_ACTS = frozenset(("buy", "sell", "build", "choose", "find", "lose", "begin", "paint", "hide", "break"))
_COMMON = frozenset(("eat", "drink", "buy", "read", "have", "want", "give", "need"))
_LEARNT = frozenset(("swim", "cook", "dance", "sing", "drive", "read", "draw", "write"))
# What one does at seven o'clock.
_PUNCTUAL = frozenset(("get up", "wake up", "go to bed", "arrive", "leave", "go home", "come home"))
_INDEFINITE = (Det.A, Det.ALL, Det.A_FEW, Det.EVERY, Det.MANY, Det.NUMBER, Det.SEVERAL)
_DAILY_WORDS = {Tense.PRESENT: "present", Tense.PROGRESSIVE: "progressive", Tense.PAST: "past", Tense.FUTURE: "future"}
_INSEPARABLE_PLACES = {"to": lexicon.TO, "from": lexicon.FROM, "at": lexicon.AT}


def is_human(nominal: Nominal) -> bool:
    """Whether the nominal is known to be a person."""
    if isinstance(nominal, NounPhrase):
        return nominal.noun.human
    return nominal in PERSONAL or isinstance(nominal, Name | Both)


def qualities(subject: Nominal) -> tuple[Adjective, ...]:
    """The adjectives that may be said of a subject after "be"."""
    noun = subject.noun if isinstance(subject, NounPhrase) else NOUN["student"]
    if noun.human and not noun.tags & {"adult", "young", "infant"}:
        noun = NOUN["pupil"]
    # "il est bon" says less of a person than of a cake.
    return tuple(
        adjective
        for adjective in lexicon.adjectives(noun, "predicative")
        if not noun.human or not adjective.before or adjective.en in ("young", "old")
    )


class Activities:
    """Draws clauses."""

    def __init__(self, chance: Chance, nominals: Nominals) -> None:
        self.chance = chance
        self.nominals = nominals

    # --- Tense and negation ----------------------------------------------------------------------

    def tense(self, verb: Verb) -> Tense:
        """A tense that the verb may have."""
        if verb.state:
            past = 25 if verb.infinitive in ("avoir", "être") else 0
            return self.chance.weighted(((Tense.PRESENT, 75), (Tense.PAST, past)))
        if verb.en in _ACCIDENTS:
            return self.chance.weighted(((Tense.PRESENT, 15), (Tense.PAST, 85)))
        progressive = 0 if verb.momentary else 17
        options = ((Tense.PRESENT, 27), (Tense.PROGRESSIVE, progressive), (Tense.PAST, 34), (Tense.FUTURE, 17))
        return self.chance.weighted(options)

    def negation(self, tense: Tense, verb: Verb, rate: float = 0.2) -> Negation | None:
        """Perhaps a negation; a state is never "never", save with "be"."""
        if not self.chance.happens(rate):
            return None
        options = [(Negation.NOT, 76)]
        if tense in (Tense.PRESENT, Tense.PAST) and (verb is BE or not verb.state):
            options.append((Negation.NEVER, 12))
        if tense is Tense.PRESENT:
            options.append((Negation.NO_LONGER, 12))
        return self.chance.weighted(options)

    # --- What people do --------------------------------------------------------------------------

    def verb(self) -> Verb:
        """Any verb of the lexicon that takes a clause of the common kind."""
        verbs = self.chance.weighted(
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
        return self.chance.weighted([(verb, 3.0 if verb.en in _COMMON else 1.0) for verb in verbs])

    def action_verb(self) -> Verb:
        """A verb that is not a state."""
        while (verb := self.verb()).state:
            pass
        return verb

    def planned_verb(self) -> Verb:
        """A verb for what one means to do."""
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
        """A clause about what somebody does."""
        verb = verb or self.verb()
        if subject is None:
            subject = self._other_being(verb) or self.nominals.subject(definite=verb.state)
        tense = tense or self.tense(verb)
        # "Several boys do not sing" leaves open how many do.
        clear = not isinstance(subject, NounPhrase) or subject.det not in _INDEFINITE
        negation = self.negation(tense, verb) if negatable and clear else None
        clause = self.unambiguous(self._with_modal(Clause(subject, verb, tense, negation)))
        clause = self._with_adverb(self._with_objects(clause))
        return replace(clause, adjuncts=self.adjuncts(clause))

    @staticmethod
    def unambiguous(clause: Clause) -> Clause:
        """The clause without a present "they read", so that this form is always the past.

        Nor does it keep "I follow": "je suis" would be taken for "I am".
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
        """The clause without adjuncts, save a place that its verb needs."""
        return replace(clause, adjuncts=clause.adjuncts[:1] if self._needs_place(clause.verb) else ())

    @staticmethod
    def _needs_place(verb: Verb) -> bool:
        return verb.places in _INSEPARABLE_PLACES or verb.en in ("live", "stay", "travel")

    def _other_being(self, verb: Verb) -> Nominal | None:
        """An animal or a baby as the subject of a verb that they have too."""
        kinds = " ".join(verb.subjects.split()[1:])
        if not kinds or self.chance.happens(0.6):
            return None
        return self.nominals.thing(self.chance.pick(nouns(kinds)))

    def _with_modal(self, clause: Clause) -> Clause:
        grown_up = not isinstance(clause.subject, NounPhrase) or bool(clause.subject.noun.tags & _HUMAN_TAGS)
        if clause.tense is not Tense.PRESENT or clause.verb.state or not grown_up:
            return clause
        if clause.verb.en in _UNPLANNED or not self.chance.happens(0.35):
            return clause
        modal = self.chance.weighted([(modal, 3.0 if modal.auxiliary else 1.0) for modal in MODALS])
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
        if not verb.objects or (verb.optional and self.chance.happens(0.15)):
            return clause
        takes_person = bool(_HUMAN_TAGS & set(verb.objects.split())) and verb is not HAVE
        if takes_person and self.chance.happens(0.3):
            return replace(clause, object=self.nominals.other_person(clause.subject))
        clause = replace(clause, object=self.nominals.object(verb, clause.subject, negated))
        if not verb.recipients or self.chance.happens(0.15):
            return clause
        if self.chance.happens(0.5):
            return replace(clause, recipient=self.nominals.other_person(clause.subject))
        return replace(clause, recipient=self.nominals.human(clause.subject))

    def _with_adverb(self, clause: Clause) -> Clause:
        manner = clause.verb.manner.split()
        if not agreement_of(clause.subject).plural and "together" in manner:
            manner.remove("together")
        if manner and clause.object is None and self.chance.happens(0.35):
            return replace(clause, adverb=lexicon.MANNER[self.chance.pick(manner)])
        if clause.verb.state or clause.modal is not None:
            return clause
        counted = isinstance(clause.object, NounPhrase) and clause.object.det in _INDEFINITE
        habitual = clause.tense in (Tense.PRESENT, Tense.PAST) and not counted and clause.verb.en not in _SINGLE_ACTS
        if habitual and clause.negation is None and self.chance.happens(0.14):
            return replace(clause, adverb=self.chance.pick(lexicon.FREQUENCY))
        completed = clause.tense is Tense.PAST and clause.negation in (None, Negation.NOT)
        if completed and self.chance.happens(0.14):
            adverb = lexicon.ALREADY if clause.negation is None else lexicon.YET
            return replace(clause, tense=Tense.PERFECT, adverb=adverb)
        return clause

    # --- Where and when --------------------------------------------------------------------------

    def adjuncts(self, clause: Clause) -> tuple[Adjunct, ...]:
        """Perhaps a place, perhaps a time."""
        place, time = self._place(clause), self._time(clause)
        return tuple(adjunct for adjunct in (place, time) if adjunct is not None)

    def _place(self, clause: Clause) -> Adjunct | None:
        places = clause.verb.places
        if places in _INSEPARABLE_PLACES:
            return self.nominals.destination(_INSEPARABLE_PLACES[places])
        wanted = self._needs_place(clause.verb) or self.chance.happens(0.33)
        if not places or clause.recipient is not None or not wanted:
            return None
        return self.nominals.place(places)

    def _time(self, clause: Clause) -> Adjunct | None:
        frequent = clause.adverb in (*lexicon.FREQUENCY, lexicon.ALREADY, lexicon.YET)
        timeless = clause.negation in (Negation.NEVER, Negation.NO_LONGER)
        if frequent or timeless or not self.chance.happens(0.4):
            return None
        if clause.verb.state:
            present = clause.tense is Tense.PRESENT and clause.verb.infinitive in ("avoir", "vouloir")
            return self.chance.pick(TIMES["state"]) if present and self.chance.happens(0.3) else None
        if clause.modal is not None:
            later = clause.modal.auxiliary or clause.modal.en in ("want", "hope", "decide")
            return self.chance.pick(TIMES["future"]) if later else None
        if clause.verb.en in _PUNCTUAL and clause.tense is not Tense.PROGRESSIVE and self.chance.happens(0.5):
            return OClock(self.chance.pick(range(1, 12)))
        return self._date(clause)

    def _date(self, clause: Clause) -> Adjunct | None:
        """A time that agrees with the tense and with how long such things take."""
        lasting = clause.verb.en in _LASTING
        if clause.tense is Tense.PAST and clause.negation is None and self.chance.happens(0.3):
            return Ago(self._span("hour minute day week month year" if lasting else "hour minute day"))
        if clause.tense is Tense.FUTURE and self.chance.happens(0.12):
            return Ago(self._span("hour minute day"), after=True)
        span = _DAILY_WORDS[clause.tense]
        if clause.tense is Tense.PRESENT and clause.verb.en in _SINGLE_ACTS:
            return None
        if lasting and clause.tense is not Tense.PROGRESSIVE:
            span += ", lasting"
        return self.chance.pick(TIMES[span])

    def _span(self, units: str) -> NounPhrase:
        noun = self.chance.pick([unit for unit in nouns("time date") if unit.en in units.split()])
        counts = (10, 20, 30, 40) if noun.en == "minute" else (2, 2, 3, 3, 4, 5, 6)
        return NounPhrase(noun, Det.NUMBER, plural=True, count=self.chance.pick(counts))

    def years(self) -> Ago:
        """Some years ago."""
        count = self.chance.pick((2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30))
        return Ago(NounPhrase(NOUN["year"], Det.NUMBER, plural=True, count=count))

    # --- What somebody or something is like ------------------------------------------------------

    def described(self, subject: Nominal, only: frozenset[str] | None = None) -> Clause:
        """A clause with "be" and an adjective (one of ``only``), or with a sensation."""
        if is_human(subject) and self.chance.happens(0.2) and only is not lexicon.POSITIVE:
            verb = self.chance.pick(lexicon.SENSATIONS[:5] if only else lexicon.SENSATIONS)
            tense = self.tense(verb)
            return Clause(subject, verb, tense, self.negation(tense, verb))
        fitting = [adjective for adjective in qualities(subject) if only is None or adjective.en in only]
        adjective = self.chance.pick(fitting or qualities(subject))
        degree = Degree.PLAIN
        if lexicon.gradable(adjective) and self.chance.happens(0.3):
            degree = self.chance.pick((Degree.VERY, Degree.VERY, Degree.TOO, Degree.SO))
        tense = self.chance.weighted(((Tense.PRESENT, 68), (Tense.PAST, 32)))
        if adjective.en in lexicon.NATIONALITIES + lexicon.COLOURS:
            tense = Tense.PRESENT
        complement = AdjectivePhrase(adjective, degree)
        return Clause(subject, BE, tense, self.negation(tense, BE, 0.18), complement=complement)

    def body_care(self) -> Clause:
        """Render "She washes her hands" as "Elle se lave les mains"."""
        subject = self.nominals.subject()
        verb, singular, plural, fr = self.chance.pick(lexicon.BODY_PARTS)
        en = plural if agreement_of(subject).plural else singular
        tense = self.tense(verb)
        owner = possessive_for(subject) or Det.HIS
        part = lexicon.Expression(f"{owner.value} {en}", fr, "0-0 1-1")
        clause = Clause(subject, verb, tense, self.negation(tense, verb), complement=part)
        return replace(clause, adjuncts=self.adjuncts(clause))
