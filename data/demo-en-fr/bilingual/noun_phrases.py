"""Noun phrases: determiners, agreement, pronouns and prepositions."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from bilingual import english, french
from bilingual.french import IL, ILS, Agreement
from bilingual.lexicon import (
    HE,
    IT_FEMININE,
    IT_MASCULINE,
    SHE,
    THEY,
    THEY_FEMININE,
    WE,
    YOU,
    Adjective,
    I,
    Name,
    Noun,
    Preposition,
    Pronoun,
)
from bilingual.phrases import EMPTY, EnglishToken, FrenchToken, Phrase, expression, renderings, tokens

if TYPE_CHECKING:
    from bilingual.clauses import Clause


class Determiner(Enum):
    """Determiners, named by their English form (singular where there are two)."""

    THE = "the"
    A = "a"
    SOME = "some"  # "any" under negation and in questions
    BARE = ""
    MY = "my"
    YOUR = "your"
    HIS = "his"
    HER = "her"
    OUR = "our"
    THEIR = "their"
    THIS = "this"
    THAT = "that"
    MANY = "many"  # "much" of an uncountable noun
    TOO_MANY = "too many"
    A_FEW = "a few"
    SEVERAL = "several"
    EVERY = "every"
    ALL = "all"
    NUMBER = "two"
    OWNER = "Paul's"
    WHICH = "which"
    HOW_MANY = "how many"
    NO = "no"


_POSSESSIVES = {
    Determiner.MY: ("mon", "ma", "mes"),
    Determiner.YOUR: ("votre", "votre", "vos"),
    Determiner.HIS: ("son", "sa", "ses"),
    Determiner.HER: ("son", "sa", "ses"),
    Determiner.OUR: ("notre", "notre", "nos"),
    Determiner.THEIR: ("leur", "leur", "leurs"),
}
_QUANTITIES = {
    Determiner.MANY: ("many", "much", "beaucoup"),
    Determiner.TOO_MANY: ("too many", "too much", "trop"),
    Determiner.HOW_MANY: ("how many", "how much", "combien"),
}
_PLURAL_ONLY = {Determiner.A_FEW: ("a few", "quelques"), Determiner.SEVERAL: ("several", "plusieurs")}
_DEMONSTRATIVES = {Determiner.THIS: ("this", "these"), Determiner.THAT: ("that", "those")}
POSSESSIVES = tuple(_POSSESSIVES)


class Role(Enum):
    """Syntactic role of a noun phrase, which determines the form of an indefinite one in French."""

    SUBJECT = auto()
    OBJECT = auto()
    GENERIC = auto()  # the object of "like"
    ASKED = auto()  # an object in a question: English "any"
    NEGATED = auto()  # the direct object of a negated verb: pas de
    AFTER_DE = auto()  # after a governing "de", which replaces the partitive
    LANGUAGE = auto()  # "speaks French": no article on either side


@dataclass(frozen=True)
class NounPhrase:
    """Noun with its determiner, adjectives and complements."""

    noun: Noun
    det: Determiner = Determiner.THE
    plural: bool = False
    before: Adjective | None = None
    after: Adjective | None = None
    count: int = 0
    owner: "NounPhrase | Name | None" = None
    content: Noun | None = None
    relative: "RelativeClause | None" = None

    @property
    def agreement(self) -> Agreement:
        """Gender and number of the phrase."""
        return Agreement(self.noun.gender, self.plural)

    @property
    def person(self) -> int:
        """Person index of a verb that has this phrase as its subject."""
        return ILS if self.plural else IL


@dataclass(frozen=True)
class Coordination:
    """Two nominals joined by "and"."""

    first: "NounPhrase | Name"
    second: "NounPhrase | Name | Pronoun"

    @property
    def agreement(self) -> Agreement:
        """Gender and number of both together; feminine only if both are."""
        both = (agreement_of(self.first).gender, agreement_of(self.second).gender)
        return Agreement("f" if both == ("f", "f") else "m", plural=True)


@dataclass(frozen=True)
class RelativePronoun:
    """Relative pronoun as a subject, with its antecedent: who/that → qui."""

    antecedent: NounPhrase


@dataclass(frozen=True)
class RelativeClause:
    """Relative clause; its subject is a ``RelativePronoun``, or its direct object is omitted."""

    clause: "Clause"


Nominal = NounPhrase | Name | Pronoun | Coordination | RelativePronoun


def agreement_of(nominal: Nominal) -> Agreement:
    """Return the gender and number of a nominal."""
    if isinstance(nominal, Name):
        return Agreement(nominal.gender)
    if isinstance(nominal, RelativePronoun):
        return nominal.antecedent.agreement
    return nominal.agreement


def person_of(nominal: Nominal) -> int:
    """Return the person index of a verb whose subject is the nominal."""
    if isinstance(nominal, Name):
        return IL
    if isinstance(nominal, Coordination):
        return ILS
    if isinstance(nominal, RelativePronoun):
        return nominal.antecedent.person
    return nominal.person


def pronoun_for(nominal: Nominal) -> Pronoun:
    """Return the pronoun that refers back to a nominal in the same sentence."""
    if isinstance(nominal, Pronoun):
        return nominal
    agreement = agreement_of(nominal)
    if agreement.plural:
        return THEY_FEMININE if agreement.gender == "f" else THEY
    human = not isinstance(nominal, NounPhrase) or nominal.noun.human
    if agreement.gender == "f":
        return SHE if human else IT_FEMININE
    return HE if human else IT_MASCULINE


def possessive_for(nominal: Nominal) -> Determiner | None:
    """Return the possessive determiner that refers to a person, or None for other nominals."""
    owners = {I: Determiner.MY, YOU: Determiner.YOUR, HE: Determiner.HIS, SHE: Determiner.HER, WE: Determiner.OUR}
    pronoun = pronoun_for(nominal)
    if pronoun in (THEY, THEY_FEMININE):
        return Determiner.THEIR
    return owners.get(pronoun)


# --- Realisation ---------------------------------------------------------------------------------


def nominal_phrase(nominal: Nominal, role: Role = Role.OBJECT) -> Phrase:
    """Realise a nominal; a pronoun takes its subject form, or the stressed one in other roles."""
    if isinstance(nominal, Name):
        return expression(nominal.text, nominal.text)
    if isinstance(nominal, Pronoun):
        if role is Role.SUBJECT:
            return expression(nominal.en_subject, nominal.fr_subject)
        return expression(nominal.en_object, nominal.fr_stressed)
    if isinstance(nominal, RelativePronoun):
        return expression("who" if nominal.antecedent.noun.human else "that", "qui")
    if isinstance(nominal, Coordination):
        linked = expression("and", "et")
        return nominal_phrase(nominal.first, role) + linked + nominal_phrase(nominal.second, role)
    return _noun_phrase(nominal, role)


def _noun_phrase(np: NounPhrase, role: Role) -> Phrase:
    core = _core(np)
    if np.det is Determiner.OWNER and np.owner is not None:
        phrase = _owned(core, np.owner, np.agreement)
    else:
        phrase = _determined(np, core, role)
    if np.content is not None:
        phrase += _content(np.content)
    if np.relative is not None:
        phrase += _relative(np.relative)
    return phrase


def _core(np: NounPhrase) -> Phrase:
    """Realise a noun between its adjectives, in the word order of each language."""
    noun = tokens(np.noun.en_plural if np.plural else np.noun.en)
    noun_fr = french.plural(np.noun.fr) if np.plural else np.noun.fr
    en, fr = noun, renderings(noun_fr, noun)
    if np.after is not None:
        word = tokens(np.after.en)
        en, fr = word + en, fr + renderings(french.agree(np.after.fr, np.agreement), word)
    if np.before is not None:
        word = tokens(np.before.en)
        form = french.before_noun(np.before.fr, np.agreement, fr[0].text)
        en, fr = word + en, renderings(form, word) + fr
    return Phrase(en, fr)


def _determined(np: NounPhrase, core: Phrase, role: Role) -> Phrase:
    """Put the determiner before a noun and its adjectives."""
    det = np.det
    if det in _POSSESSIVES:
        forms = _POSSESSIVES[det]
        return expression(det.value, _select(forms, np.agreement, core)) + core
    if det in _DEMONSTRATIVES:
        en = _DEMONSTRATIVES[det][np.plural]
        return expression(en, _demonstrative(np.agreement, core)) + core
    if det in _QUANTITIES:
        many, much, quantity = _QUANTITIES[det]
        if det is Determiner.MANY and role not in (Role.NEGATED, Role.ASKED):
            much = "a lot of"
        return expression(much if np.noun.mass else many, f"{quantity} de") + core
    if det in _PLURAL_ONLY:
        return expression(*_PLURAL_ONLY[det]) + core
    if det is Determiner.EVERY:
        return expression("every", "chaque") + core
    if det is Determiner.ALL:
        every, the = expression("all", french.agree("tout", np.agreement)), _definite(np.agreement)
        if np.agreement.gender == "m":
            every = Phrase(every.en, renderings("tous", every.en))
        return every + the + core
    if det is Determiner.NUMBER:
        return expression(english.number(np.count), french.number(np.count, np.agreement.gender)) + core
    if det is Determiner.WHICH:
        return expression("which", _which(np.agreement)) + core
    if det is Determiner.THE:
        return _definite(np.agreement) + core
    return _indefinite(np, core, role)


def _select(forms: tuple[str, str, str], agreement: Agreement, core: Phrase) -> str:
    """Select the form of a possessive: the masculine one also precedes a feminine vowel (mon amie)."""
    masculine, feminine, plural = forms
    if agreement.plural:
        return plural
    if agreement.gender == "f" and not french.begins_with_vowel_sound(core.fr[0].text):
        return feminine
    return masculine


def _demonstrative(agreement: Agreement, core: Phrase) -> str:
    if agreement.plural:
        return "ces"
    if agreement.gender == "f":
        return "cette"
    return "cet" if french.begins_with_vowel_sound(core.fr[0].text) else "ce"


def _which(agreement: Agreement) -> str:
    form = "quelle" if agreement.gender == "f" else "quel"
    return form + "s" if agreement.plural else form


def _article(agreement: Agreement) -> str:
    if agreement.plural:
        return "les"
    return "la" if agreement.gender == "f" else "le"


def _definite(agreement: Agreement) -> Phrase:
    source = tokens("the")
    return Phrase(source, renderings(_article(agreement), source, article=True))


def _indefinite(np: NounPhrase, core: Phrase, role: Role) -> Phrase:
    """Realise a noun with "a", "some", "any", "no" or no determiner in English."""
    if np.det is Determiner.BARE and role is Role.LANGUAGE:
        return core
    definite = np.noun.definite or role in (Role.SUBJECT, Role.GENERIC)
    if np.det is Determiner.BARE and definite:
        # French article and noun both correspond to the English noun.
        return Phrase((), renderings(_article(np.agreement), core.en, article=True)) + core
    determiner = tokens(_english_indefinite(np.det, role))
    return Phrase(determiner, _partitive(np, core, role, determiner or core.en)) + core


def _english_indefinite(det: Determiner, role: Role) -> str:
    if det is Determiner.SOME and role in (Role.NEGATED, Role.ASKED):
        return "any"
    return det.value


def _partitive(np: NounPhrase, core: Phrase, role: Role, source: tuple[EnglishToken, ...]) -> tuple[FrenchToken, ...]:
    """Return un, une, des, du, de la or de, depending on the role of the phrase."""
    if role is Role.NEGATED:
        return renderings("de", source)
    if np.det is Determiner.A:
        return renderings("une" if np.noun.gender == "f" else "un", source)
    if role is Role.AFTER_DE:
        return ()
    if np.plural:
        # "de grandes maisons", but "des maisons blanches"
        return renderings("de" if np.before is not None else "des", source)
    return renderings("de", source) + renderings(_article(np.agreement), source, article=True)


def _owned(core: Phrase, owner: NounPhrase | Name, agreement: Agreement) -> Phrase:
    """Realise a possessor: Paul's car → la voiture de Paul."""
    possessor = nominal_phrase(owner, Role.SUBJECT)
    plural_s = possessor.en[-1].text.endswith("s") and agreement_of(owner).plural
    # The genitive is part of the owner's last token, so that token is replaced on both sides.
    last = possessor.en[-1]
    genitive = EnglishToken(last.text + ("'" if plural_s else "'s"))
    source = (*possessor.en[:-1], genitive)
    target = tuple(
        FrenchToken(token.text, tuple(genitive if word is last else word for word in token.renders), token.article)
        for token in possessor.fr
    )
    article = renderings(_article(agreement), (genitive,), article=True)
    return Phrase(source + core.en, article + core.fr + renderings("de", (genitive,)) + target)


def _content(noun: Noun) -> Phrase:
    """Realise the content of a measure: of water → d'eau, of apples → de pommes."""
    content = EMPTY
    content = expression(noun.en, noun.fr) if noun.mass else expression(noun.en_plural, french.plural(noun.fr))
    return expression("of", "de") + content


def _relative(relative: RelativeClause) -> Phrase:
    from bilingual.clauses import (
        declarative,
    )  # circular import: clauses contain noun phrases, which contain relative clauses

    if isinstance(relative.clause.subject, RelativePronoun):
        return declarative(relative.clause)
    return expression("that", "que") + declarative(relative.clause)


def prepositional(preposition: Preposition, nominal: Nominal) -> Phrase:
    """Realise a preposition with its object."""
    role = Role.AFTER_DE if preposition.fr.endswith("de") else Role.OBJECT
    return expression(preposition.en, preposition.fr) + nominal_phrase(nominal, role)
