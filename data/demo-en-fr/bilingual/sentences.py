"""Random sentences of all types in the corpus."""

from collections.abc import Callable
from dataclasses import replace

from bilingual import lexicon
from bilingual.activities import VERBS, ClauseSampler, is_human, qualities
from bilingual.clauses import (
    AdjectivePhrase,
    Adjunct,
    Age,
    Clause,
    Degree,
    Negation,
    Profession,
    Tense,
    adjunct_phrase,
    coordinate,
    declarative,
    existential,
    identification,
    polite_request,
    subordinate_first,
)
from bilingual.lexicon import BE, MODAL, NOUN, TIMES, YOU, Adjective, Noun, Pronoun, Verb, nouns
from bilingual.nominals import DESCRIBED, NominalSampler
from bilingual.noun_phrases import (
    POSSESSIVES,
    Determiner,
    Nominal,
    NounPhrase,
    RelativeClause,
    RelativePronoun,
    agreement_of,
    pronoun_for,
)
from bilingual.phrases import Phrase, SentencePair, realise
from bilingual.questions import EXTRACTING_VERBS, PRICED, QuestionSampler
from bilingual.random_source import RandomSource

_LOCATED = nouns("small carried vessel clothing text pet vehicle person kin")
_FOUND = nouns("animal furniture vehicle small vessel food drink ingredient tree flower")
_IDENTIFIED = nouns("person kin text show building vehicle device idea animal sight task")
# Two consecutive actions with the same object, and the tags of the object.
_CHAINS = (
    ("buy", "eat", "fruit cake sandwich pizza pancake"),
    ("buy", "lose", "small carried"),
    ("buy", "sell", "vehicle device furniture"),
    ("buy", "read", "book newspaper magazine novel"),
    ("write", "send", "letter message article"),
    ("find", "read", "letter book message newspaper"),
    ("find", "open", "box bag suitcase letter"),
    ("repair", "sell", "vehicle device"),
    ("wash", "iron", "dress shirt skirt jacket tie suit"),
    ("open", "read", "letter message"),
    ("take", "break", "glass cup plate vase"),
    ("look for", "find", "small carried"),
    ("close", "open", "opening"),
    ("choose", "buy", "clothing furniture"),
    ("prepare", "eat", "sandwich pancake omelette pizza cake"),
    ("clean", "fill", "bottle glass cup vase"),
)
_COMMANDS = (
    *("open", "close", "clean", "wash", "repair", "read", "write", "finish", "buy", "bring", "prepare", "choose"),
    *("listen to", "look at", "wait for", "look for", "iron", "help", "follow", "cut", "answer", "explain"),
    *("give", "show", "send"),
)
_COMMAND_VERBS = tuple(VERBS[name] for name in _COMMANDS)
_NOT_CONTRASTED = frozenset(("have", "break", "fill", "like", "love", "hate", "prefer"))
_YOUNG_KIN = frozenset(("son", "daughter", "nephew", "niece"))
_PLAIN_OBJECTS = ("see", "know", "look for", "help", "follow", "hear", "thank", "wait for")


class SentenceSampler:
    """Sampler of sentence pairs; each method samples one type."""

    def __init__(self, random: RandomSource) -> None:
        self.random = random
        self.nominals = NominalSampler(random)
        self.activities = ClauseSampler(random, self.nominals)
        questions = QuestionSampler(self.activities)
        self.kinds: tuple[tuple[Callable[[], SentencePair], float], ...] = (
            (self.statement, 39),
            (self.description, 7),
            (self.comparison, 4),
            (questions.yes_no, 8),
            (questions.adverbial, 4),
            (questions.object, 5),
            (questions.subject, 1.5),
            (questions.short, 2.5),
            (self.existence, 5),
            (self.whereabouts, 3),
            (self.identity, 2),
            (self.profession, 1.5),
            (self.age, 2),
            (self.price, 1.3),
            (self.belonging, 1.2),
            (self.life_event, 1),
            (self.instruction, 4),
            (self.because, 4),
            (self.condition, 4),
            (self.contrast, 3),
            (self.chain, 3.5),
            (self.reported, 4),
            (self.relative_subject, 3),
            (self.relative_object, 3.5),
        )

    def draw(self) -> SentencePair:
        """Sample a sentence pair of any type."""
        pair = self.random.weighted(self.kinds)()
        # Repeated words are hard to read: "says that that boy …", "comes in in two hours".
        clumsy = " that that " in pair.en or " in in " in pair.en
        return self.draw() if clumsy else pair

    # --- One clause ------------------------------------------------------------------------------

    def statement(self) -> SentencePair:
        """Sample a statement about an action."""
        if self.random.chance(0.05):
            return realise(declarative(self.activities.body_care()))
        return realise(declarative(self.activities.clause()), "!" if self.random.chance(0.03) else ".")

    def description(self) -> SentencePair:
        """Sample a description of a person or thing."""
        return realise(declarative(self.activities.described(self.nominals.topic())))

    def comparison(self) -> SentencePair:
        """Sample a comparison with more, less or as."""
        first, second = self._compared()
        graded = [one for one in qualities(first) if lexicon.gradable(one) and one.en not in lexicon.UNCOMPARED]
        if not graded:
            return self.comparison()
        adjective = self.random.pick(graded)
        degrees = [(Degree.MORE, 60.0), (Degree.AS, 25.0)]
        if not adjective.comparative:
            degrees.append((Degree.LESS, 15.0))
        complement = AdjectivePhrase(adjective, self.random.weighted(degrees), second)
        tense = self.random.weighted(((Tense.PRESENT, 80), (Tense.PAST, 20)))
        negation = Negation.NOT if self.random.chance(0.15) else None
        return realise(declarative(Clause(first, BE, tense, negation, complement=complement)))

    def _compared(self) -> tuple[Nominal, Nominal]:
        if self.random.chance(0.55):
            first = self.nominals.subject(definite=True)
            if self.random.chance(0.3):
                return first, self.nominals.other_person(first)
            return first, self.nominals.human(first)
        noun = self.random.pick(DESCRIBED)
        alike = [other for other in DESCRIBED if other.tags == noun.tags and other is not noun] or [noun]
        first = self.nominals.thing(noun, rate=0.0)
        return first, self.nominals.thing(self.random.pick(alike), rate=0.0)

    def existence(self) -> SentencePair:
        """Sample a sentence with "there is"."""
        noun = self.random.pick(_FOUND)
        negated, question = self.random.weighted((((False, False), 64), ((True, False), 16), ((False, True), 20)))
        np = self._some(noun, negated or question)
        adjective = self.nominals.adjective(noun, "attributive")
        if adjective is not None and self.random.chance(0.42):
            np = replace(np, before=adjective) if adjective.before else replace(np, after=adjective)
        place = self.nominals.location_of(noun)
        past = self.random.chance(0.2)
        return realise(existential(np, past, negated, question, place), "?" if question else ".")

    def _some(self, noun: Noun, unsure: bool) -> NounPhrase:
        """Sample an indefinite amount; negations and questions (``unsure``) have no numbers."""
        if noun.mass:
            return NounPhrase(noun, self.random.pick((Determiner.SOME, Determiner.SOME, Determiner.MANY)))
        if "plural_only" in noun.tags or unsure:
            return NounPhrase(noun, Determiner.SOME, plural=True)
        if self.random.chance(0.45):
            return NounPhrase(noun, Determiner.A)
        det = self.random.pick(
            (
                Determiner.SOME,
                Determiner.SOME,
                Determiner.NUMBER,
                Determiner.NUMBER,
                Determiner.MANY,
                Determiner.SEVERAL,
                Determiner.A_FEW,
            )
        )
        return NounPhrase(noun, det, plural=True, count=self.nominals.number(noun))

    def whereabouts(self) -> SentencePair:
        """Sample a sentence such as "The keys are on the table"."""
        noun = self.random.pick(_LOCATED)
        subject = self.nominals.thing(noun)
        place = self.nominals.location_of(noun)
        tense = self.random.weighted(((Tense.PRESENT, 70), (Tense.PAST, 30)))
        negation = self.activities.negation(tense, BE)
        return realise(declarative(Clause(subject, BE, tense, negation, complement=place)))

    def identity(self) -> SentencePair:
        """Sample a sentence such as "It is a good book" or "They are my brothers"."""
        noun = self.random.pick(_IDENTIFIED)
        if "kin" in noun.tags:
            np = self.nominals.kin()
        elif self.random.chance(0.25):
            det = self.random.weighted([(Determiner.THE, 4.0)] + [(det, 1.0) for det in POSSESSIVES])
            np = NounPhrase(noun, det)
        else:
            plural = self.random.chance(0.3)
            np = self.nominals.build(noun, Determiner.BARE if plural else Determiner.A, plural, 0.75)
        if np.after is not None and np.after.en in lexicon.TEMPORARY:
            np = replace(np, after=None)
        return realise(identification(np, self.random.chance(0.2)))

    def profession(self) -> SentencePair:
        """Sample a sentence about a profession, which has no article in French."""
        subject = self.nominals.subject(definite=True)
        while isinstance(subject, NounPhrase) and "kin" not in subject.noun.tags:
            subject = self.nominals.subject(definite=True)
        agreement = agreement_of(subject)
        jobs = [noun for noun in nouns("job") if noun.gender == agreement.gender]
        complement = Profession(NounPhrase(self.random.pick(jobs), Determiner.A, agreement.plural))
        if self.random.chance(0.55):
            tense = self.random.weighted(((Tense.PRESENT, 70), (Tense.PAST, 30)))
            clause = Clause(subject, BE, tense, self.activities.negation(tense, BE), complement=complement)
            return realise(declarative(clause))
        tense = self.random.pick((Tense.PAST, Tense.FUTURE, Tense.PRESENT))
        modal = MODAL[self.random.pick(("want", "hope"))] if tense is Tense.PRESENT else None
        return realise(declarative(Clause(subject, lexicon.BECOME, tense, modal=modal, complement=complement)))

    def age(self) -> SentencePair:
        """Sample a sentence such as "Paul is twenty years old"."""
        subject = self.nominals.subject(definite=True)
        youngest, oldest = self._ages(subject)
        while not youngest <= (years := self.nominals.any_number()) <= oldest:
            pass
        return realise(declarative(Clause(subject, lexicon.BE_OLD, complement=Age(years))))

    @staticmethod
    def _ages(subject: Nominal) -> tuple[int, int]:
        """Return the plausible minimum and maximum age of a person."""
        if not isinstance(subject, NounPhrase):
            return 8, 99
        if "young" in subject.noun.tags or subject.noun.en in _YOUNG_KIN:
            return 4, 18
        return (41, 99) if "single" in subject.noun.tags else (19, 99)

    def price(self) -> SentencePair:
        """Sample a sentence such as "This dress costs fifty euros"."""
        thing = self.nominals.thing(self.random.pick(PRICED))
        price = NounPhrase(NOUN["euro"], Determiner.NUMBER, plural=True, count=self.nominals.any_number())
        return realise(declarative(Clause(thing, lexicon.COST, object=price)))

    def belonging(self) -> SentencePair:
        """Sample a sentence such as "This book belongs to her"."""
        noun = self.random.pick(nouns("goods small pet home"))
        det = self.random.pick((Determiner.THE, Determiner.THIS, Determiner.THAT))
        thing = self.nominals.build(noun, det, self.nominals.is_plural(noun, det, 0.25))
        negation = Negation.NOT if self.random.chance(0.2) else None
        owner: Nominal = self.nominals.human(thing)
        if self.random.chance(0.4):
            owner = self.nominals.other_person(thing)
        return realise(declarative(Clause(thing, lexicon.BELONG, negation=negation, object=owner)))

    def life_event(self) -> SentencePair:
        """Sample a sentence about birth or death."""
        if self.random.chance(0.7):
            place = self.random.pick(lexicon.CITIES + lexicon.COUNTRIES)
            negation = Negation.NOT if self.random.chance(0.1) else None
            subject = self.nominals.subject(definite=True)
            return realise(declarative(Clause(subject, lexicon.BE_BORN, Tense.PAST, negation, adjuncts=(place,))))
        time: Adjunct = self.activities.years()
        if self.random.chance(0.5):
            time = self.random.pick([past for past in TIMES["past, lasting"] if past.en.startswith("last")])
        subject = self.nominals.kin()
        if self.random.chance(0.5):
            subject = NounPhrase(self.random.pick(nouns("royal celebrity hero")), Determiner.THE)
        return realise(declarative(Clause(subject, lexicon.DIE, Tense.PAST, adjuncts=(time,))))

    def instruction(self) -> SentencePair:
        """Sample a command such as "Open the door, please"."""
        verb = self.random.pick(_COMMAND_VERBS)
        negation = Negation.NOT if self.random.chance(0.3) else None
        target = self.nominals.thing(self.random.pick(nouns(verb.objects)), YOU)
        clause = Clause(YOU, verb, negation=negation, object=target, imperative=True)
        if verb.recipients:
            clause = replace(clause, recipient=self.nominals.human(YOU))
        if negation is not None and verb.takes_clitic and target.noun.human and self.random.chance(0.4):
            clause = replace(clause, object=self.nominals.other_person(YOU))
        if negation is None and self.random.chance(0.6):
            return realise(polite_request(declarative(clause)))
        return realise(declarative(clause), "!")

    # --- Two clauses -----------------------------------------------------------------------------

    def because(self) -> SentencePair:
        """Sample a sentence such as "Marie is sleeping because she is tired"."""
        first = self.activities.clause(verb=self.activities.action_verb())
        reason = self._reason(pronoun_for(first.subject))
        return realise(coordinate(declarative(self.activities.shortened(first)), lexicon.BECAUSE, reason))

    def _reason(self, subject: Pronoun) -> Phrase:
        """Realise a random reason."""
        if subject in (lexicon.IT_MASCULINE, lexicon.IT_FEMININE):
            # For an animal, "it is cold" is ambiguous: it could mean the weather.
            clear = [verb for verb in lexicon.SENSATIONS if verb.en_tail in ("hungry", "thirsty", "sleepy")]
            return declarative(Clause(subject, self.random.pick(clear)))
        kind = self.random.weighted((("state", 60), ("weather", 15), ("plan", 25)))
        if kind == "weather":
            return adjunct_phrase(self.random.pick(lexicon.WEATHER))
        if kind == "state":
            return declarative(replace(self.activities.described(subject, lexicon.REASONS), tense=Tense.PRESENT))
        plan = self.activities.clause(subject, self.activities.planned_verb(), Tense.FUTURE, negatable=False)
        if self.random.chance(0.5):
            modal = MODAL[self.random.pick(("want", "must"))]
            plan = replace(plan, tense=Tense.PRESENT, modal=modal)
        return declarative(self.activities.shortened(plan))

    def condition(self) -> SentencePair:
        """Sample "If it is raining, we stay at home" or "When she is tired, she goes to bed"."""
        conjunction = self.random.pick((lexicon.IF, lexicon.WHEN))
        # "When" introduces a habit, "if" also a plan.
        tense = Tense.PRESENT
        if conjunction is lexicon.IF and self.random.chance(0.5):
            tense = Tense.FUTURE
        subject = self.nominals.subject(definite=True)
        if self.random.chance(0.35):
            first = adjunct_phrase(self.random.pick(lexicon.WEATHER))
        else:
            condition = self.activities.described(subject, lexicon.TEMPORARY)
            negation = Negation.NOT if condition.negation is not None else None
            first = declarative(replace(condition, tense=Tense.PRESENT, negation=negation))
            subject = pronoun_for(subject)
        verb = self.activities.planned_verb()
        while verb.en_past == verb.en_head:
            verb = self.activities.planned_verb()
        second = self.activities.clause(subject, verb, tense)
        second = replace(second, adverb=None, adjuncts=second.adjuncts[:1])
        return realise(subordinate_first(conjunction, first, declarative(second)))

    def contrast(self) -> SentencePair:
        """Sample "Paul is tired but he is working" or "The soup is hot but we are eating it"."""
        if self.random.chance(0.5):
            return self._contrasted_thing()
        subject = self.nominals.subject(definite=True)
        first = self.activities.described(subject, lexicon.TEMPORARY)
        first = replace(first, tense=Tense.PRESENT, negation=None)
        tense = self.random.pick((Tense.PROGRESSIVE, Tense.FUTURE))
        verb = self.activities.planned_verb()
        while verb.momentary:
            verb = self.activities.planned_verb()
        second = self.activities.clause(pronoun_for(subject), verb, tense)
        if self.random.chance(0.3):
            modal = MODAL[self.random.pick(("must", "want", "can"))]
            second = replace(second, tense=Tense.PRESENT, modal=modal)
        second = replace(second, adjuncts=second.adjuncts[:1])
        return realise(coordinate(declarative(first), lexicon.BUT, declarative(second)))

    def _contrasted_thing(self) -> SentencePair:
        noun = self.random.pick(DESCRIBED)
        subject = self.nominals.thing(noun, rate=0.0)
        kinds = [lexicon.POSITIVE, lexicon.NEGATIVE]
        first_kind, second_kind = kinds if self.random.chance(0.5) else reversed(kinds)
        first, second = (self._any_of(subject, kind) for kind in (first_kind, second_kind))
        if first is None or second is None or {first.en, second.en} in lexicon.ANTONYMS:
            return self._contrasted_thing()
        start = declarative(Clause(subject, BE, complement=AdjectivePhrase(first, self._degree(first))))
        verbs = [
            verb
            for verb in lexicon.TRANSITIVE
            if noun.tags & set(verb.objects.split()) and verb.en not in _NOT_CONTRASTED
        ]
        taken_up = pronoun_for(subject)
        if verbs and self.random.chance(0.65):
            end = self._done_to(taken_up, self.random.pick(verbs))
        else:
            end = Clause(taken_up, BE, complement=AdjectivePhrase(second, self._degree(second)))
        return realise(coordinate(start, lexicon.BUT, declarative(end)))

    def _any_of(self, subject: Nominal, kind: frozenset[str]) -> Adjective | None:
        fitting = [adjective for adjective in qualities(subject) if adjective.en in kind]
        return self.random.pick(fitting) if fitting else None

    def _degree(self, adjective: Adjective) -> Degree:
        if not lexicon.gradable(adjective) or self.random.chance(0.6):
            return Degree.PLAIN
        return self.random.pick((Degree.VERY, Degree.TOO))

    def _done_to(self, thing: Pronoun, verb: Verb) -> Clause:
        """Sample a clause about an action on a thing that has been mentioned."""
        tense = self.activities.tense(verb)
        subject, negation = self.nominals.subject(True), self.activities.negation(tense, verb)
        return self.activities.unambiguous(Clause(subject, verb, tense, negation, object=thing))

    def chain(self) -> SentencePair:
        """Sample two actions on one object: "I bought an apple and I ate it"."""
        first_verb, second_verb, tags = self.random.pick(_CHAINS)
        noun = self.random.pick([noun for noun in nouns(tags) if not noun.mass])
        subject = self.nominals.subject()
        tense = Tense.PAST
        if second_verb not in ("lose", "break", "find") and self.random.chance(0.3):
            tense = Tense.FUTURE
        target = self.nominals.countable(noun, subject, negated=False)
        if target.det is Determiner.BARE or target.content is not None:
            target = self.nominals.thing(noun, subject)
        sought = first_verb == "look for"
        first = declarative(Clause(subject, VERBS[first_verb], tense, object=target))
        negation = Negation.NOT if sought else None
        second = Clause(pronoun_for(subject), VERBS[second_verb], tense, negation, object=pronoun_for(target))
        return realise(coordinate(first, lexicon.BUT if sought else lexicon.AND, declarative(second)))

    def reported(self) -> SentencePair:
        """Sample reported speech: "She says that she is tired" or "I do not know if he is going to come"."""
        speaker = self.nominals.subject(definite=True)
        verb = self.random.pick((lexicon.SAY, lexicon.THINK, lexicon.KNOW_THAT, lexicon.HOPE))
        subject: Nominal = pronoun_for(speaker)
        if self.random.chance(0.5):
            subject = self.nominals.subject(definite=True)
        doubt = verb is lexicon.KNOW_THAT and self.random.chance(0.5)
        if verb is not lexicon.HOPE and self.random.chance(0.4):
            content = self.activities.described(subject)
        else:
            hope = verb is lexicon.HOPE
            action = self.activities.planned_verb() if hope else self.activities.action_verb()
            content = self.activities.clause(subject, action, Tense.FUTURE if hope else None)
        main = declarative(Clause(speaker, verb, negation=Negation.NOT if doubt else None))
        content = replace(content, adjuncts=content.adjuncts[:1])
        return realise(coordinate(main, lexicon.IF if doubt else lexicon.THAT, declarative(content)))

    # --- Relative clauses ------------------------------------------------------------------------

    def relative_subject(self) -> SentencePair:
        """Sample a relative clause with a subject pronoun: "The woman who sings is my aunt"."""
        person = self.nominals.person(definite=True)
        while person.det not in (Determiner.THE, Determiner.THIS, Determiner.THAT):
            person = self.nominals.person(definite=True)
        verb = self.activities.verb()
        relative = replace(self.activities.clause(RelativePronoun(person), verb), adverb=None)
        relative = replace(relative, adjuncts=relative.adjuncts[:1])
        whole = replace(person, relative=RelativeClause(relative))
        if self.random.chance(0.5):
            return realise(declarative(self._said_of(whole)))
        return self._with_object(whole, VERBS[self.random.pick(_PLAIN_OBJECTS)])

    def _said_of(self, topic: NounPhrase) -> Clause:
        """Sample a description of a noun phrase with a relative clause."""
        if topic.noun.human and self.random.chance(0.4):
            kin = [noun for noun in nouns("kin") if noun.gender == topic.noun.gender and "single" not in noun.tags]
            relation = NounPhrase(
                self.random.pick(kin), self.random.pick((Determiner.MY, Determiner.HIS, Determiner.HER)), topic.plural
            )
            return Clause(topic, BE, complement=relation)
        return replace(self.activities.described(topic), negation=None)

    def _with_object(self, whole: NounPhrase, verb: Verb) -> SentencePair:
        """Sample a sentence whose object has a relative clause."""
        tense = self.activities.tense(verb)
        subject = self.nominals.subject(definite=True)
        negation = self.activities.negation(tense, verb)
        clause = Clause(subject, verb, tense, negation, object=whole)
        return realise(declarative(self.activities.unambiguous(clause)))

    def relative_object(self) -> SentencePair:
        """Sample a relative clause without its object: "The letter that she wrote is long"."""
        verb = self.random.pick(EXTRACTING_VERBS)
        things = [noun for noun in nouns(verb.objects) if not noun.human and not noun.definite]
        noun = self.random.pick(things) if things else NOUN["man"]
        antecedent = NounPhrase(noun, Determiner.THE, self.nominals.is_plural(noun, Determiner.THE, 0.3))
        tense = self.activities.tense(verb)
        # A habitual present is too general: "the tickets that we receive".
        tense = Tense.PAST if tense is Tense.PRESENT else tense
        gap = Clause(self.nominals.subject(definite=True), verb, tense, extracted=antecedent.agreement)
        gap = self.activities.unambiguous(gap)
        if verb.places and self.random.chance(0.15):
            gap = replace(gap, adjuncts=(self.nominals.place(verb.places),))
        whole = replace(antecedent, relative=RelativeClause(gap))
        others = [other for other in VERBS.values() if noun.tags & set(other.objects.split()) and other is not verb]
        if (is_human(whole) or noun in DESCRIBED) and (not others or self.random.chance(0.45)):
            return realise(declarative(self._said_of(whole)))
        if not others:
            return self.relative_object()
        return self._with_object(whole, self.random.pick(others))
