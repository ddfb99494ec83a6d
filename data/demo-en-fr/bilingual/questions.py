"""Random questions."""

from dataclasses import replace

from bilingual import lexicon
from bilingual.activities import ClauseSampler
from bilingual.clauses import (
    Clause,
    Tense,
    age_question,
    declarative,
    interrogative,
    price_question,
    wellbeing_question,
    what_question,
    where_question,
)
from bilingual.lexicon import MODAL, NAMES, I, Noun, nouns
from bilingual.noun_phrases import Determiner, Nominal, NounPhrase, nominal_phrase
from bilingual.phrases import EMPTY, Phrase, SentencePair, expression, realise

# Verbs whose object can be questioned or be the head of a relative clause.
EXTRACTING_VERBS = tuple(verb for verb in lexicon.TRANSITIVE if not verb.state and verb.en != "speak")
PRICED = nouns("clothing bought carried instrument lamp book novel vase watch meal")
_LOCATED = nouns("small carried vessel clothing pet person kin building interior")
_AT_WHAT_TIME = lexicon.REFLEXIVE[:3] + lexicon.MOTION
_WHERE, _WHEN, _WHY = ("where", "où"), ("when", "quand"), ("why", "pourquoi")
_WHAT_TIME = ("what time", "à quelle heure", "0-0 0-1 1-2")


class QuestionSampler:
    """Sampler of questions; each method samples one type."""

    def __init__(self, activities: ClauseSampler) -> None:
        self.activities = activities
        self.nominals = activities.nominals
        self.random = activities.random

    def yes_no(self) -> SentencePair:
        """Sample a yes/no question: "Does she eat?" or "Is he tired?"."""
        if self.random.chance(0.25):
            clause = self.activities.described(self.nominals.topic())
        else:
            clause = self.activities.clause(negatable=False)
        if clause.subject is I and self.random.chance(0.8):
            return self.yes_no()
        return self._ask(replace(clause, negation=None), EMPTY)

    @staticmethod
    def _ask(clause: Clause, question_word: Phrase) -> SentencePair:
        return realise(interrogative(clause, question_word), "?")

    def adverbial(self) -> SentencePair:
        """Sample a question with where, when, why or at what time."""
        options = ((_WHERE, 30), (_WHEN, 25), (_WHY, 35), (_WHAT_TIME, 10))
        word = self.random.weighted(options)
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
        if self.random.chance(0.25):
            clause = self.activities.described(self.nominals.topic(), lexicon.TEMPORARY | lexicon.NEGATIVE)
        return self._ask(replace(clause, adjuncts=clause.adjuncts[:1]), expression(*_WHY))

    @staticmethod
    def _may_ask(word: tuple[str, ...], clause: Clause) -> bool:
        """Return whether the question word makes sense with the clause."""
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
        """Sample a question about the object: what, whom, which or how many."""
        verb = self.random.pick(EXTRACTING_VERBS)
        base = self.activities.clause(verb=verb, negatable=False)
        unsuited = (MODAL["decide"], MODAL["refuse"], MODAL["learn"])
        while base.subject is I or base.modal in unsuited:
            base = self.activities.clause(verb=verb, negatable=False)
        tense = Tense.PAST if base.tense is Tense.PERFECT else base.tense
        adjuncts = base.adjuncts[-1:] if self.random.chance(0.5) else ()
        clause = replace(base, object=None, adverb=None, tense=tense, adjuncts=adjuncts)
        things = [noun for noun in nouns(verb.objects) if not noun.human]
        human = len(things) < len(nouns(verb.objects))
        if not things or (human and self.random.chance(0.6)):
            return self._ask(clause, expression("who", "qui"))
        noun = self.random.pick(things)
        if noun.mass or noun.definite or self.random.chance(0.4):
            return realise(what_question(clause), "?")
        return self._which(clause, noun)

    def _which(self, clause: Clause, noun: Noun) -> SentencePair:
        """Sample a question with which or how many; the participle agrees with the preceding object."""
        which = clause.verb.definite or self.random.chance(0.5)
        det = Determiner.WHICH if which else Determiner.HOW_MANY
        plural = not which or "plural_only" in noun.tags or self.random.chance(0.3)
        np = NounPhrase(noun, det, plural and "single" not in noun.tags)
        return self._ask(replace(clause, extracted=np.agreement), nominal_phrase(np))

    def subject(self) -> SentencePair:
        """Sample a question about the subject, such as "Who is eating?"."""
        clause = self.activities.clause(subject=lexicon.WHO)
        adverb = None if clause.adverb in lexicon.FREQUENCY else clause.adverb
        return realise(declarative(replace(clause, adverb=adverb)), "?")

    def short(self) -> SentencePair:
        """Sample a short question: where is, how is, how old is or how much does … cost."""
        kind = self.random.weighted((("where", 45), ("how", 15), ("age", 20), ("price", 20)))
        if kind == "where":
            return realise(where_question(self.nominals.thing(self.random.pick(_LOCATED))), "?")
        if kind == "price":
            return realise(price_question(self.nominals.thing(self.random.pick(PRICED))), "?")
        person: Nominal = self.nominals.kin() if self.random.chance(0.6) else self.random.pick(NAMES)
        return realise(wellbeing_question(person) if kind == "how" else age_question(person), "?")
