"""Noun phrases: determiners, agreement inside the phrase, pronouns and prepositions."""

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
from bilingual.phrases import EMPTY, En, Fr, Phrase, expression, renderings, tokens

if TYPE_CHECKING:
    from bilingual.clauses import Clause


class Det(Enum):
    """Determiners, by their English form (singular where there are two)."""

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
    Det.MY: ("mon", "ma", "mes"),
    Det.YOUR: ("votre", "votre", "vos"),
    Det.HIS: ("son", "sa", "ses"),
    Det.HER: ("son", "sa", "ses"),
    Det.OUR: ("notre", "notre", "nos"),
    Det.THEIR: ("leur", "leur", "leurs"),
}
_QUANTITIES = {
    Det.MANY: ("many", "much", "beaucoup"),
    Det.TOO_MANY: ("too many", "too much", "trop"),
    Det.HOW_MANY: ("how many", "how much", "combien"),
}
_PLURAL_ONLY = {Det.A_FEW: ("a few", "quelques"), Det.SEVERAL: ("several", "plusieurs")}
_DEMONSTRATIVES = {Det.THIS: ("this", "these"), Det.THAT: ("that", "those")}
POSSESSIVES = tuple(_POSSESSIVES)


class Role(Enum):
    """Where a noun phrase stands, which decides what an indefinite one looks like in French."""

    SUBJECT = auto()
    OBJECT = auto()
    GENERIC = auto()  # the object of "like"
    ASKED = auto()  # an object in a question: English "any"
    NEGATED = auto()  # the direct object of a negated verb: pas de
    AFTER_DE = auto()  # after a governing "de", which swallows the partitive
    LANGUAGE = auto()  # "speaks French": no article on either side


@dataclass(frozen=True)
class NounPhrase:
    """A noun with its determiner, adjectives and complements."""

    noun: Noun
    det: Det = Det.THE
    plural: bool = False
    before: Adjective | None = None
    after: Adjective | None = None
    count: int = 0
    owner: "NounPhrase | Name | None" = None
    content: Noun | None = None
    relative: "RelativeClause | None" = None

    @property
    def agreement(self) -> Agreement:
        """What goes with this phrase agrees in this way."""
        return Agreement(self.noun.gender, self.plural)

    @property
    def person(self) -> int:
        """The person index of a verb that has this phrase as its subject."""
        return ILS if self.plural else IL


@dataclass(frozen=True)
class Both:
    """Two nominals joined by "and"."""

    first: "NounPhrase | Name"
    second: "NounPhrase | Name | Pronoun"

    @property
    def agreement(self) -> Agreement:
        """Feminine only where both are."""
        both = (agreement_of(self.first).gender, agreement_of(self.second).gender)
        return Agreement("f" if both == ("f", "f") else "m", plural=True)


@dataclass(frozen=True)
class Relative:
    """The relative pronoun that stands for its antecedent as a subject: who/that → qui."""

    antecedent: NounPhrase


@dataclass(frozen=True)
class RelativeClause:
    """A relative clause; its subject is a ``Relative``, or its direct object is left out."""

    clause: "Clause"


Nominal = NounPhrase | Name | Pronoun | Both | Relative


def agreement_of(nominal: Nominal) -> Agreement:
    """The gender and number of any nominal."""
    if isinstance(nominal, Name):
        return Agreement(nominal.gender)
    if isinstance(nominal, Relative):
        return nominal.antecedent.agreement
    return nominal.agreement


def person_of(nominal: Nominal) -> int:
    """The person index of a verb whose subject is ``nominal``."""
    if isinstance(nominal, Name):
        return IL
    if isinstance(nominal, Both):
        return ILS
    if isinstance(nominal, Relative):
        return nominal.antecedent.person
    return nominal.person


def pronoun_for(nominal: Nominal) -> Pronoun:
    """The pronoun that takes up ``nominal`` later in the same sentence."""
    if isinstance(nominal, Pronoun):
        return nominal
    agreement = agreement_of(nominal)
    if agreement.plural:
        return THEY_FEMININE if agreement.gender == "f" else THEY
    human = not isinstance(nominal, NounPhrase) or nominal.noun.human
    if agreement.gender == "f":
        return SHE if human else IT_FEMININE
    return HE if human else IT_MASCULINE


def possessive_for(nominal: Nominal) -> Det | None:
    """The possessive determiner that refers to ``nominal``, where English has one for people."""
    owners = {I: Det.MY, YOU: Det.YOUR, HE: Det.HIS, SHE: Det.HER, WE: Det.OUR}
    pronoun = pronoun_for(nominal)
    if pronoun in (THEY, THEY_FEMININE):
        return Det.THEIR
    return owners.get(pronoun)


# --- Rendering -----------------------------------------------------------------------------------


def nominal_phrase(nominal: Nominal, role: Role = Role.OBJECT) -> Phrase:
    """A nominal in both languages; pronouns take their subject form or, elsewhere, the stressed one."""
    if isinstance(nominal, Name):
        return expression(nominal.text, nominal.text)
    if isinstance(nominal, Pronoun):
        if role is Role.SUBJECT:
            return expression(nominal.en_subject, nominal.fr_subject)
        return expression(nominal.en_object, nominal.fr_stressed)
    if isinstance(nominal, Relative):
        return expression("who" if nominal.antecedent.noun.human else "that", "qui")
    if isinstance(nominal, Both):
        linked = expression("and", "et")
        return nominal_phrase(nominal.first, role) + linked + nominal_phrase(nominal.second, role)
    return _noun_phrase(nominal, role)


def _noun_phrase(np: NounPhrase, role: Role) -> Phrase:
    core = _core(np)
    if np.det is Det.OWNER and np.owner is not None:
        phrase = _owned(core, np.owner, np.agreement)
    else:
        phrase = _determined(np, core, role)
    if np.content is not None:
        phrase += _content(np.content)
    if np.relative is not None:
        phrase += _relative(np.relative)
    return phrase


def _core(np: NounPhrase) -> Phrase:
    """The noun between its adjectives, each language in its own order."""
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
        if det is Det.MANY and role not in (Role.NEGATED, Role.ASKED):
            much = "a lot of"
        return expression(much if np.noun.mass else many, f"{quantity} de") + core
    if det in _PLURAL_ONLY:
        return expression(*_PLURAL_ONLY[det]) + core
    if det is Det.EVERY:
        return expression("every", "chaque") + core
    if det is Det.ALL:
        every, the = expression("all", french.agree("tout", np.agreement)), _definite(np.agreement)
        if np.agreement.gender == "m":
            every = Phrase(every.en, renderings("tous", every.en))
        return every + the + core
    if det is Det.NUMBER:
        return expression(english.number(np.count), french.number(np.count, np.agreement.gender)) + core
    if det is Det.WHICH:
        return expression("which", _which(np.agreement)) + core
    if det is Det.THE:
        return _definite(np.agreement) + core
    return _indefinite(np, core, role)


def _select(forms: tuple[str, str, str], agreement: Agreement, core: Phrase) -> str:
    """A possessive: the masculine form also stands before a feminine vowel (mon amie)."""
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
    """A noun with "a", "some", "any", "no" or nothing before it in English."""
    if np.det is Det.BARE and role is Role.LANGUAGE:
        return core
    definite = np.noun.definite or role in (Role.SUBJECT, Role.GENERIC)
    if np.det is Det.BARE and definite:
        # The English noun alone says what the French article and noun say.
        return Phrase((), renderings(_article(np.agreement), core.en, article=True)) + core
    determiner = tokens(_english_indefinite(np.det, role))
    return Phrase(determiner, _partitive(np, core, role, determiner or core.en)) + core


def _english_indefinite(det: Det, role: Role) -> str:
    if det is Det.SOME and role in (Role.NEGATED, Role.ASKED):
        return "any"
    return det.value


def _partitive(np: NounPhrase, core: Phrase, role: Role, source: tuple[En, ...]) -> tuple[Fr, ...]:
    """un, une, des, du, de la or de, according to the place of the phrase."""
    if role is Role.NEGATED:
        return renderings("de", source)
    if np.det is Det.A:
        return renderings("une" if np.noun.gender == "f" else "un", source)
    if role is Role.AFTER_DE:
        return ()
    if np.plural:
        # de grandes maisons, but des maisons blanches
        return renderings("de" if np.before is not None else "des", source)
    return renderings("de", source) + renderings(_article(np.agreement), source, article=True)


def _owned(core: Phrase, owner: NounPhrase | Name, agreement: Agreement) -> Phrase:
    """Paul's car → la voiture de Paul."""
    possessor = nominal_phrase(owner, Role.SUBJECT)
    plural_s = possessor.en[-1].text.endswith("s") and agreement_of(owner).plural
    # The genitive is spelt on the owner's last word, so that token is replaced on both sides.
    last = possessor.en[-1]
    genitive = En(last.text + ("'" if plural_s else "'s"))
    source = (*possessor.en[:-1], genitive)
    target = tuple(
        Fr(token.text, tuple(genitive if word is last else word for word in token.renders), token.article)
        for token in possessor.fr
    )
    article = renderings(_article(agreement), (genitive,), article=True)
    return Phrase(source + core.en, article + core.fr + renderings("de", (genitive,)) + target)


def _content(noun: Noun) -> Phrase:
    """Of water → d'eau, of apples → de pommes."""
    content = EMPTY
    content = expression(noun.en, noun.fr) if noun.mass else expression(noun.en_plural, french.plural(noun.fr))
    return expression("of", "de") + content


def _relative(relative: RelativeClause) -> Phrase:
    from bilingual.clauses import declarative  # a clause holds noun phrases and they hold clauses

    if isinstance(relative.clause.subject, Relative):
        return declarative(relative.clause)
    return expression("that", "que") + declarative(relative.clause)


def prepositional(preposition: Preposition, nominal: Nominal) -> Phrase:
    """A preposition and what it governs."""
    role = Role.AFTER_DE if preposition.fr.endswith("de") else Role.OBJECT
    return expression(preposition.en, preposition.fr) + nominal_phrase(nominal, role)
