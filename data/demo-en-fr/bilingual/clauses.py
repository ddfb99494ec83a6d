"""Clauses: tense, negation, positions of pronouns and adverbs, participle agreement and questions."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from bilingual import english, french
from bilingual.french import MASCULINE, VOUS, Agreement
from bilingual.lexicon import Adjective, Adverb, BareObject, Expression, Modal, Name, Preposition, Pronoun, Verb
from bilingual.noun_phrases import (
    Determiner,
    Nominal,
    NounPhrase,
    Role,
    agreement_of,
    nominal_phrase,
    person_of,
    prepositional,
)
from bilingual.phrases import EMPTY, EnglishToken, FrenchToken, Phrase, comma, expression, renderings, tokens

_Token = TypeVar("_Token", EnglishToken, FrenchToken)


class Tense(Enum):
    """English tenses with the French tenses that translate them."""

    PRESENT = auto()  # eats → mange
    PROGRESSIVE = auto()  # is eating → mange
    PAST = auto()  # ate → a mangé; was → était
    PERFECT = auto()  # has eaten → a mangé
    FUTURE = auto()  # is going to eat → va manger


class Negation(Enum):
    """English negations with the French word that accompanies "ne"."""

    NOT = ("not", "pas")
    NEVER = ("never", "jamais")
    NO_LONGER = ("no longer", "plus")


class Degree(Enum):
    """Degrees and intensifiers of an adjective."""

    PLAIN = ""
    VERY = "very"
    TOO = "too"
    SO = "so"
    MORE = "more"
    AS = "as"
    LESS = "less"


_INTENSIFIERS = {Degree.VERY: "très", Degree.TOO: "trop", Degree.SO: "si"}


@dataclass(frozen=True)
class AdjectivePhrase:
    """Adjective after "be", optionally compared with something."""

    adjective: Adjective
    degree: Degree = Degree.PLAIN
    than: Nominal | None = None


@dataclass(frozen=True)
class PrepositionalPhrase:
    """Preposition with its object."""

    preposition: Preposition
    nominal: Nominal


# A profession after "be" or "become" has no article in French: "is a doctor" → "est médecin".
@dataclass(frozen=True)
class Profession:
    """Profession as a complement of "be" or "become"."""

    np: NounPhrase


@dataclass(frozen=True)
class Age:
    """Age as a complement: "is twenty years old" → "a vingt ans"; the French verb must be "avoir"."""

    years: int


@dataclass(frozen=True)
class TimeDistance:
    """Time before now, "two days ago" → "il y a deux jours", or after it, "in two days" → "dans deux jours"."""

    span: NounPhrase
    after: bool = False


@dataclass(frozen=True)
class ClockTime:
    """Hour of the day: "at two o'clock" → "à deux heures"."""

    hour: int


Complement = AdjectivePhrase | NounPhrase | Profession | PrepositionalPhrase | Expression | Age
Adjunct = Expression | PrepositionalPhrase | Adverb | TimeDistance | ClockTime


@dataclass(frozen=True)
class Clause:
    """Abstract clause, not yet realised in either language."""

    subject: Nominal
    verb: Verb
    tense: Tense = Tense.PRESENT
    negation: Negation | None = None
    object: Nominal | None = None
    recipient: Nominal | None = None
    complement: Complement | None = None
    modal: Modal | None = None
    adverb: Adverb | None = None
    adjuncts: tuple[Adjunct, ...] = ()
    # Agreement of an object that precedes the clause (relative or question); the participle agrees with it.
    extracted: Agreement | None = None
    imperative: bool = False


# --- The English verb group ----------------------------------------------------------------------


@dataclass(frozen=True)
class VerbGroup:
    """English verb words, with those that correspond to the French finite and non-finite forms."""

    # Inverted with the subject in questions, and followed by "not".
    auxiliary: EnglishToken | None
    main: tuple[EnglishToken, ...]
    finite: tuple[EnglishToken, ...]
    nonfinite: tuple[EnglishToken, ...] = ()
    # Corresponds to a French preposition before the infinitive: tries to → essaie de.
    linker: tuple[EnglishToken, ...] = ()
    # Corresponds to the preposition that the French verb governs.
    governor: tuple[EnglishToken, ...] = ()

    @property
    def lexical(self) -> tuple[EnglishToken, ...]:
        """Words of the lexical verb."""
        return self.nonfinite or self.finite


def _inflect(person: int, plain: str, third: str) -> str:
    return third if person == french.IL else plain


def _lexical_words(
    verb: Verb, form: str
) -> tuple[tuple[EnglishToken, ...], tuple[EnglishToken, ...], tuple[EnglishToken, ...]]:
    """Return a verb form with its particles, the words that the French verb translates, and the governor."""
    words = (EnglishToken(form), *tokens(verb.en_particles))
    if not verb.preposition or verb.en_tail:
        return words, words, ()
    if len(words) == 1:
        return words, words, words
    return words, words[:-1], words[-1:]


def _verb_group(clause: Clause, question: bool) -> VerbGroup:
    verb, person = clause.verb, person_of(clause.subject)
    supported = question or clause.negation is Negation.NOT
    if clause.imperative:
        main, linked, governor = _lexical_words(verb, verb.en_head)
        return VerbGroup(EnglishToken("do") if supported else None, main, linked, governor=governor)
    if clause.modal is not None:
        return _modal_group(clause, clause.modal, question)
    if verb.en_head == "be" and clause.tense in (Tense.PRESENT, Tense.PAST):
        auxiliary = EnglishToken(english.be(person) if clause.tense is Tense.PRESENT else english.was(person))
        born = tokens(verb.en_particles)
        return VerbGroup(auxiliary, born, (auxiliary,), born)
    if clause.tense in (Tense.PRESENT, Tense.PAST):
        return _simple_group(clause, supported)
    return _compound_group(clause)


def _modal_group(clause: Clause, modal: Modal, question: bool) -> VerbGroup:
    person = person_of(clause.subject)
    main, linked, governor = _lexical_words(clause.verb, clause.verb.en_head)
    if modal.auxiliary:
        fused = modal.en == "can" and clause.negation is Negation.NOT and not question
        auxiliary = EnglishToken("cannot" if fused else modal.en)
        return VerbGroup(auxiliary, main, (auxiliary,), linked, governor=governor)
    to = EnglishToken("to")
    linker, infinitive = ((to,), linked) if modal.preposition else ((), (to, *linked))
    if question or clause.negation is Negation.NOT:
        support, finite = EnglishToken(_inflect(person, "do", "does")), EnglishToken(modal.en)
    else:
        support, finite = None, EnglishToken(_inflect(person, modal.en, english.third_person(modal.en)))
    return VerbGroup(support, (finite, to, *main), (finite,), infinitive, linker, governor)


def _simple_group(clause: Clause, supported: bool) -> VerbGroup:
    """Return the verb group of the simple present or past, with "do" where it is required."""
    verb, person, past = clause.verb, person_of(clause.subject), clause.tense is Tense.PAST
    if not supported:
        present = _inflect(person, verb.en_head, english.third_person(verb.en_head))
        main, linked, governor = _lexical_words(verb, verb.en_past if past else present)
        return VerbGroup(None, main, linked, linked if _is_compound(clause) else (), governor=governor)
    main, linked, governor = _lexical_words(verb, verb.en_head)
    if past and _is_compound(clause):
        did = EnglishToken("did")
        return VerbGroup(did, main, (did,), linked, governor=governor)
    support = EnglishToken("did" if past else _inflect(person, "do", "does"))
    return VerbGroup(support, main, linked, governor=governor)


def _compound_group(clause: Clause) -> VerbGroup:
    """Return the verb group of the progressive, the perfect or "going to"."""
    verb, person = clause.verb, person_of(clause.subject)
    if clause.tense is Tense.PROGRESSIVE:
        main, linked, governor = _lexical_words(verb, english.gerund(verb.en_head))
        auxiliary = EnglishToken(english.be(person))
        return VerbGroup(auxiliary, main, (auxiliary, *linked), governor=governor)
    if clause.tense is Tense.PERFECT:
        main, linked, governor = _lexical_words(verb, verb.en_participle)
        auxiliary = EnglishToken(_inflect(person, "have", "has"))
        return VerbGroup(auxiliary, main, (auxiliary,), linked, governor=governor)
    main, linked, governor = _lexical_words(verb, verb.en_head)
    auxiliary, going, to = EnglishToken(english.be(person)), EnglishToken("going"), EnglishToken("to")
    return VerbGroup(auxiliary, (going, to, *main), (auxiliary, going), (to, *linked), governor=governor)


# --- The French verb group -----------------------------------------------------------------------


@dataclass(frozen=True)
class FrenchForms:
    """French finite verb, and non-finite verb with the word before it."""

    finite: str
    nonfinite: str = ""
    linker: str = ""
    clitics_on_finite: bool = True


def _is_compound(clause: Clause) -> bool:
    """Return whether the French tense is the passé composé; the past of a state is the imparfait."""
    return clause.tense is Tense.PERFECT or (clause.tense is Tense.PAST and not clause.verb.state)


def _french_forms(clause: Clause) -> FrenchForms:
    verb, person = clause.verb, person_of(clause.subject)
    if clause.imperative:
        return FrenchForms(french.present(verb.infinitive, VOUS))
    if clause.modal is not None:
        finite = french.present(clause.modal.fr, person)
        return FrenchForms(finite, verb.infinitive, clause.modal.preposition, clitics_on_finite=False)
    if clause.tense is Tense.FUTURE:
        return FrenchForms(french.present("aller", person), verb.infinitive, clitics_on_finite=False)
    if _is_compound(clause):
        auxiliary = "être" if verb.reflexive or french.takes_etre(verb.infinitive) else "avoir"
        participle = french.agree(french.participle(verb.infinitive), _participle_agreement(clause))
        return FrenchForms(french.present(auxiliary, person), participle)
    if clause.tense is Tense.PAST:
        return FrenchForms(french.imperfect(verb.infinitive, person))
    return FrenchForms(french.present(verb.infinitive, person))


def _participle_agreement(clause: Clause) -> Agreement:
    """Return the agreement of the participle: with the subject (être) or a preceding direct object (avoir)."""
    verb = clause.verb
    if verb.reflexive:
        # In "elle s'est lavé les mains" the direct object follows the participle.
        return MASCULINE if verb.objects else agreement_of(clause.subject)
    if french.takes_etre(verb.infinitive):
        return agreement_of(clause.subject)
    if clause.extracted is not None:
        return clause.extracted
    if isinstance(clause.object, Pronoun) and not verb.preposition:
        return clause.object.agreement
    return MASCULINE


# --- Complements and adjuncts --------------------------------------------------------------------


def adjunct_phrase(adjunct: Adjunct) -> Phrase:
    """Realise an adjunct."""
    if isinstance(adjunct, PrepositionalPhrase):
        return prepositional(adjunct.preposition, adjunct.nominal)
    if isinstance(adjunct, TimeDistance):
        span = nominal_phrase(adjunct.span)
        if adjunct.after:
            return expression("in", "dans") + span
        ago = tokens("ago")
        return Phrase(span.en + ago, renderings("il y a", ago) + span.fr)
    if isinstance(adjunct, ClockTime):
        hour = expression(english.number(adjunct.hour), french.number(adjunct.hour, "f"))
        hours = "heures" if adjunct.hour > 1 else "heure"
        return expression("at", "à") + hour + expression("o'clock", hours)
    if isinstance(adjunct, Expression):
        return expression(adjunct.en, adjunct.fr, adjunct.links)
    return expression(adjunct.en, adjunct.fr)


def _complement_phrase(complement: Complement, agreement: Agreement) -> Phrase:
    if isinstance(complement, AdjectivePhrase):
        return _adjective_phrase(complement, agreement)
    if isinstance(complement, Profession):
        return _profession(complement.np)
    if isinstance(complement, Age):
        years = expression(english.number(complement.years), french.number(complement.years, "m"))
        return years + expression("years old", "ans")
    if isinstance(complement, NounPhrase):
        return nominal_phrase(complement)
    return adjunct_phrase(complement)


def _profession(np: NounPhrase) -> Phrase:
    noun = tokens(np.noun.en_plural if np.plural else np.noun.en)
    article = () if np.plural else tokens("a")
    form = french.plural(np.noun.fr) if np.plural else np.noun.fr
    return Phrase(article + noun, renderings(form, article + noun))


def _adjective_phrase(phrase: AdjectivePhrase, agreement: Agreement) -> Phrase:
    adjective, degree = phrase.adjective, phrase.degree
    plain = expression(adjective.en, french.agree(adjective.fr, agreement))
    if degree is Degree.PLAIN:
        return plain
    if degree in _INTENSIFIERS:
        return expression(degree.value, _INTENSIFIERS[degree]) + plain
    if phrase.than is None:
        raise ValueError(f"{adjective.en} is compared with nothing")
    if degree is Degree.MORE:
        return _more(adjective, agreement) + expression("than", "que") + _standard(phrase.than)
    if degree is Degree.LESS:
        return expression("less", "moins") + plain + expression("than", "que") + _standard(phrase.than)
    return expression("as", "aussi") + plain + expression("as", "que") + _standard(phrase.than)


def _more(adjective: Adjective, agreement: Agreement) -> Phrase:
    if adjective.french_comparative:
        return expression(adjective.comparative, french.agree(adjective.french_comparative, agreement))
    form = french.agree(adjective.fr, agreement)
    if adjective.comparative:
        return expression(adjective.comparative, f"plus {form}")
    return expression("more", "plus") + expression(adjective.en, form)


def _standard(nominal: Nominal) -> Phrase:
    return nominal_phrase(nominal, Role.OBJECT)


# --- Realisation of clauses ----------------------------------------------------------------------


def _object_role(clause: Clause, yes_or_no: bool) -> Role:
    """Return the role of the object, which determines the form of an indefinite one ("any" in questions)."""
    verb = clause.verb
    if verb.bare is BareObject.NOTHING:
        return Role.LANGUAGE
    if verb.bare is BareObject.GENERIC:
        return Role.GENERIC
    if verb.preposition == "de":
        return Role.AFTER_DE
    if verb.preposition:
        return Role.OBJECT
    if clause.negation is not None:
        return Role.NEGATED
    return Role.ASKED if yes_or_no else Role.OBJECT


def declarative(clause: Clause) -> Phrase:
    """Realise a clause as a statement or a command."""
    return _ClauseRealiser(clause, question=False).phrase()


def interrogative(clause: Clause, question_word: Phrase = EMPTY) -> Phrase:
    """Realise a clause as a question with "est-ce que", after an optional question word."""
    arrangement = _ClauseRealiser(clause, question=True, yes_or_no=not question_word.en)
    auxiliary = arrangement.group.auxiliary
    return (
        question_word + Phrase((), renderings("est-ce que", (auxiliary,) if auxiliary else ())) + arrangement.phrase()
    )


class _ClauseRealiser:
    """Parts of a clause, arranged in the word order of each language."""

    def __init__(self, clause: Clause, question: bool, yes_or_no: bool = False) -> None:
        self.clause = clause
        self.question = question
        self.yes_or_no = yes_or_no
        self.group = _verb_group(clause, question)
        self.forms = _french_forms(clause)
        self.subject = EMPTY if clause.imperative else nominal_phrase(clause.subject, Role.SUBJECT)
        self.adverb = expression(clause.adverb.en, clause.adverb.fr) if clause.adverb else EMPTY
        self.tail = tokens(clause.verb.en_tail)
        self.object = self._object()
        self.recipient = self._recipient()
        self.complement = self._complement()

    def phrase(self) -> Phrase:
        """Realise the clause in both languages."""
        end = EMPTY
        for adjunct in self.clause.adjuncts:
            end += adjunct_phrase(adjunct)
        negation = self._negation()
        return Phrase(self._english(negation) + end.en, self._french(negation) + end.fr)

    def _english(self, negation: Phrase) -> tuple[EnglishToken, ...]:
        auxiliary = (self.group.auxiliary,) if self.group.auxiliary else ()
        start = auxiliary + self.subject.en if self.question else self.subject.en + auxiliary
        before, after = self._split(self.adverb.en, self.clause.adverb is not None and self.clause.adverb.en_inside)
        objects = self.object.en + self.recipient.en
        if isinstance(self.clause.recipient, Pronoun) and self.clause.verb.double_object:
            objects = self.recipient.en + self.object.en
        return start + negation.en + before + self.group.main + self.tail + objects + self.complement.en + after

    def _french(self, negation: Phrase) -> tuple[FrenchToken, ...]:
        forms, group = self.forms, self.group
        clitics = self._clitics()
        ne, second = negation.fr[:1], negation.fr[1:]
        finite = renderings(forms.finite, group.finite)
        before, after = self._split(self.adverb.fr, self.clause.adverb is not None and self.clause.adverb.fr_inside)
        if forms.clitics_on_finite:
            finite = clitics + finite
        result = self.subject.fr + ne + finite + second + before
        if forms.nonfinite:
            result += renderings(forms.linker, group.linker)
            result += () if forms.clitics_on_finite else clitics
            result += renderings(forms.nonfinite, group.nonfinite)
        objects = () if self._object_is_clitic() else self.object.fr
        if not isinstance(self.clause.recipient, Pronoun):
            objects += self.recipient.fr
        return result + self._french_tail() + objects + self.complement.fr + after

    @staticmethod
    def _split(words: tuple[_Token, ...], inside: bool) -> tuple[tuple[_Token, ...], tuple[_Token, ...]]:
        """Split off the words of an adverb that stands inside the verb group from those that follow it."""
        return (words, ()) if inside else ((), words)

    def _negation(self) -> Phrase:
        """Return the English negation, with "ne" and its second word as the French side."""
        if self.clause.negation is None:
            return EMPTY
        en, fr = self.clause.negation.value
        auxiliary = self.group.auxiliary
        if auxiliary is not None and auxiliary.text == "cannot":
            return Phrase((), renderings(f"ne {fr}", (auxiliary,)))
        words = tokens(en)
        # A supporting "do" has no meaning of its own and is aligned like the negation.
        empty = auxiliary is not None and auxiliary not in self.group.finite and not self.question
        rendered = (auxiliary, *words) if empty and auxiliary is not None else words
        return Phrase(words, renderings(f"ne {fr}", rendered))

    def _french_tail(self) -> tuple[FrenchToken, ...]:
        """Return the French words after the verb: "besoin" in "avoir besoin"."""
        rendered = self.tail[:-1] if self.clause.verb.preposition else self.tail
        return renderings(self.clause.verb.fr_tail, rendered or self.group.lexical)

    def _clitics(self) -> tuple[FrenchToken, ...]:
        """Return the reflexive or object pronoun before the French verb."""
        if self.clause.verb.reflexive:
            return renderings(french.REFLEXIVES[person_of(self.clause.subject)], self.group.lexical)
        if self._object_is_clitic():
            return self.object.fr
        return self.recipient.fr if isinstance(self.clause.recipient, Pronoun) else ()

    def _object_is_clitic(self) -> bool:
        return isinstance(self.clause.object, Pronoun) and self.clause.verb.takes_clitic

    def _object(self) -> Phrase:
        """Return the object; the French side of a pronoun is its form before the verb."""
        target, verb = self.clause.object, self.clause.verb
        if target is None:
            return EMPTY
        governor = self.tail[-1:] or self.group.governor
        if isinstance(target, Pronoun) and self._object_is_clitic():
            source = tokens(target.en_object)
            form = target.fr_indirect if verb.preposition == "à" else target.fr_direct
            return Phrase(source, renderings(form, governor + source))
        phrase = nominal_phrase(target, _object_role(self.clause, self.yes_or_no))
        return Phrase((), renderings(verb.preposition, governor)) + phrase

    def _recipient(self) -> Phrase:
        """Return the recipient: "to the teacher" after the object, or a pronoun."""
        recipient = self.clause.recipient
        if recipient is None:
            return EMPTY
        if not isinstance(recipient, Pronoun):
            return expression("to", "à") + nominal_phrase(recipient)
        source = tokens(recipient.en_object)
        if not self.clause.verb.double_object:
            source = tokens("to") + source
        return Phrase(source, renderings(recipient.fr_indirect, source))

    def _complement(self) -> Phrase:
        if self.clause.complement is None:
            return EMPTY
        return _complement_phrase(self.clause.complement, agreement_of(self.clause.subject))


# --- Other sentences -----------------------------------------------------------------------------


def existential(
    np: NounPhrase, past: bool = False, negated: bool = False, question: bool = False, place: Adjunct | None = None
) -> Phrase:
    """Realise "there is" as "il y a"; the negation is "there is no"."""
    there, be = EnglishToken("there"), EnglishToken(_there_be(np.plural, past))
    verb = (FrenchToken("y", (there, be)), FrenchToken("avait" if past else "a", (there, be)))
    located = adjunct_phrase(place) if place is not None else EMPTY
    if negated:
        no = tokens("no")
        thing = nominal_phrase(NounPhrase(np.noun, Determiner.BARE, np.plural, np.before, np.after), Role.SUBJECT)
        noun = thing.fr[1:]
        fr = (
            FrenchToken("il", (there,)),
            FrenchToken("ne", no),
            *verb,
            FrenchToken("pas", no),
            FrenchToken("de", no),
            *noun,
        )
        return Phrase((there, be, *no, *thing.en), fr) + located
    thing = nominal_phrase(np, Role.ASKED if question else Role.OBJECT)
    if question:
        asking = renderings("est-ce que", (be,))
        return Phrase((be, there), (*asking, FrenchToken("il", (there,)), *verb)) + thing + located
    return Phrase((there, be), (FrenchToken("il", (there,)), *verb)) + thing + located


def _there_be(plural: bool, past: bool) -> str:
    if past:
        return "were" if plural else "was"
    return "are" if plural else "is"


def identification(np: NounPhrase | Name, negated: bool = False) -> Phrase:
    """Realise "it is a …" as "c'est un …", and "they are my …" as "ce sont mes …"."""
    plural = agreement_of(np).plural
    it, be = (EnglishToken("they"), EnglishToken("are")) if plural else (EnglishToken("it"), EnglishToken("is"))
    not_ = tokens("not" if negated else "")
    ne, pas = (renderings("ne", not_), renderings("pas", not_)) if negated else ((), ())
    verb = renderings("sont" if plural else "est", (be,))
    return Phrase((it, be, *not_), (FrenchToken("ce", (it,)), *ne, *verb, *pas)) + nominal_phrase(np)


def where_question(subject: Nominal) -> Phrase:
    """Realise "where is X" as "où est X"; the verb precedes the noun in both languages."""
    agreement = agreement_of(subject)
    verb = expression("are", "sont") if agreement.plural else expression("is", "est")
    return expression("where", "où") + verb + nominal_phrase(subject, Role.SUBJECT)


def age_question(subject: Nominal) -> Phrase:
    """Realise "how old is X" as "quel âge a X"."""
    verb = expression("are", "ont") if agreement_of(subject).plural else expression("is", "a")
    question = expression("how old", "quel âge", "0-0 1-1")
    return question + verb + nominal_phrase(subject, Role.SUBJECT)


def wellbeing_question(subject: Nominal) -> Phrase:
    """Realise "how is X" as "comment va X"."""
    verb = expression("are", "vont") if agreement_of(subject).plural else expression("is", "va")
    return expression("how", "comment") + verb + nominal_phrase(subject, Role.SUBJECT)


def price_question(np: NounPhrase) -> Phrase:
    """Realise "how much does X cost" as "combien coûte X"."""
    support, cost = EnglishToken("do" if np.plural else "does"), EnglishToken("cost")
    thing = nominal_phrase(np, Role.SUBJECT)
    how_much = tokens("how much")
    verb = renderings(french.present("coûter", np.person), (support, cost))
    return Phrase((*how_much, support, *thing.en, cost), renderings("combien", how_much) + verb + thing.fr)


def what_question(clause: Clause) -> Phrase:
    """Realise "what does she eat" as "qu'est-ce qu'elle mange"; the clause lacks its object."""
    return interrogative(clause, expression("what", "que"))


def coordinate(first: Phrase, conjunction: Expression, second: Phrase, with_comma: bool = False) -> Phrase:
    """Join two clauses by a conjunction."""
    middle = expression(conjunction.en, conjunction.fr, conjunction.links)
    return first + (comma() if with_comma else EMPTY) + middle + second


def subordinate_first(conjunction: Expression, first: Phrase, second: Phrase) -> Phrase:
    """Put a subordinate clause before the main clause: "if it is raining, …"."""
    return expression(conjunction.en, conjunction.fr, conjunction.links) + first + comma() + second


def polite_request(request: Phrase) -> Phrase:
    """Append "please" to a request."""
    please = tokens("please")
    return request + comma() + Phrase(please, renderings("si il vous plaît", please))
