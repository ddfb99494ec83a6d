"""Random questions."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.activities import Activities
from bilingual.clauses import Clause, Tense, asked, declarative, how_is, how_old, price_question, what, where_is
from bilingual.lexicon import MODAL, NAMES, I, Noun, nouns
from bilingual.noun_phrases import Det, Nominal, NounPhrase, nominal_phrase
from bilingual.phrases import EMPTY, Phrase, SentencePair, expression, finish

# Verbs whose object may be asked for or be the head of a relative clause.
EXTRACTING_VERBS = tuple(verb for verb in lexicon.TRANSITIVE if not verb.state and verb.en != "speak")
PRICED = nouns("clothing bought carried instrument lamp book novel vase watch meal")
_LOCATED = nouns("small carried vessel clothing pet person kin building room")
_AT_WHAT_TIME = lexicon.REFLEXIVE[:3] + lexicon.MOTION
_WHERE, _WHEN, _WHY = ("where", "où"), ("when", "quand"), ("why", "pourquoi")
_WHAT_TIME = ("what time", "à quelle heure", "0-0 0-1 1-2")


class Questions:
    """Draws questions; each method is one kind."""

    def __init__(self, activities: Activities) -> None:
        self.activities = activities
        self.nominals = activities.nominals
        self.chance = activities.chance

    def yes_no(self) -> SentencePair:
        """Does she eat? Is he tired?"""
        if self.chance.happens(0.25):
            clause = self.activities.described(self.nominals.topic())
        else:
            clause = self.activities.clause(negatable=False)
        if clause.subject is I and self.chance.happens(0.8):
            return self.yes_no()
        return self._ask(replace(clause, negation=None), EMPTY)

    @staticmethod
    def _ask(clause: Clause, question_word: Phrase) -> SentencePair:
        return finish(asked(clause, question_word), "?")

    def adverbial(self) -> SentencePair:
        """Where, when, why or at what time somebody does something."""
        options = ((_WHERE, 30), (_WHEN, 25), (_WHY, 35), (_WHAT_TIME, 10))
        word = self.chance.weighted(options)
        if word == _WHY:
            return self._why()
        clause = self.activities.clause(negatable=False)
        while not self._may_ask(word, clause):
            clause = self.activities.clause(negatable=False)
        tense = Tense.PAST if clause.tense is Tense.PERFECT else clause.tense
        kept = clause.verb.places in ("to", "from", "at") and word != _WHERE
        adjuncts = clause.adjuncts[:1] if kept else ()
        clause = replace(clause, tense=tense, adverb=None, adjuncts=adjuncts)
        return self._ask(clause, expression(*word))

    def _why(self) -> SentencePair:
        clause = self.activities.clause()
        if self.chance.happens(0.25):
            clause = self.activities.described(self.nominals.topic(), lexicon.TEMPORARY | lexicon.NEGATIVE)
        return self._ask(replace(clause, adjuncts=clause.adjuncts[:1]), expression(*_WHY))

    @staticmethod
    def _may_ask(word: tuple[str, ...], clause: Clause) -> bool:
        """Whether the question word makes sense with the clause."""
        if clause.subject is I and clause.modal is None and clause.tense is not Tense.FUTURE:
            return False
        if clause.verb.state:
            return word == _WHERE and clause.verb.en == "live"
        if word == _WHERE:
            return bool(clause.verb.places) and clause.verb.places != "from"
        if word == _WHAT_TIME:
            return clause.verb in _AT_WHAT_TIME
        return clause.tense is not Tense.PROGRESSIVE

    def object(self) -> SentencePair:
        """What or whom somebody sees; which book, how many books somebody reads."""
        verb = self.chance.pick(EXTRACTING_VERBS)
        base = self.activities.clause(verb=verb, negatable=False)
        unsuited = (MODAL["decide"], MODAL["refuse"], MODAL["learn"])
        while base.subject is I or base.modal in unsuited:
            base = self.activities.clause(verb=verb, negatable=False)
        tense = Tense.PAST if base.tense is Tense.PERFECT else base.tense
        adjuncts = base.adjuncts[-1:] if self.chance.happens(0.5) else ()
        clause = replace(base, object=None, adverb=None, tense=tense, adjuncts=adjuncts)
        things = [noun for noun in nouns(verb.objects) if not noun.human]
        human = len(things) < len(nouns(verb.objects))
        if not things or (human and self.chance.happens(0.6)):
            return self._ask(clause, expression("who", "qui"))
        noun = self.chance.pick(things)
        if noun.mass or noun.definite or self.chance.happens(0.4):
            return finish(what(clause), "?")
        return self._which(clause, noun)

    def _which(self, clause: Clause, noun: Noun) -> SentencePair:
        """Which or how many; the participle agrees with what is asked for."""
        which = clause.verb.definite or self.chance.happens(0.5)
        det = Det.WHICH if which else Det.HOW_MANY
        plural = not which or "plural_only" in noun.tags or self.chance.happens(0.3)
        np = NounPhrase(noun, det, plural and "single" not in noun.tags)
        return self._ask(replace(clause, extracted=np.agreement), nominal_phrase(np))

    def subject(self) -> SentencePair:
        """Who is eating?"""
        clause = self.activities.clause(subject=lexicon.WHO)
        adverb = None if clause.adverb in lexicon.FREQUENCY else clause.adverb
        return finish(declarative(replace(clause, adverb=adverb)), "?")

    def short(self) -> SentencePair:
        """Where is, how is, how old is, how much does … cost."""
        kind = self.chance.weighted((("where", 45), ("how", 15), ("age", 20), ("price", 20)))
        if kind == "where":
            return finish(where_is(self.nominals.thing(self.chance.pick(_LOCATED))), "?")
        if kind == "price":
            return finish(price_question(self.nominals.thing(self.chance.pick(PRICED))), "?")
        person: Nominal = self.nominals.kin() if self.chance.happens(0.6) else self.chance.pick(NAMES)
        return finish(how_is(person) if kind == "how" else how_old(person), "?")
