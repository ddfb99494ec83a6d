"""Demonstration corpus: equal to the generator's output and as its README describes it."""

import importlib.util
import re
import sys
import unicodedata
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

CORPUS = Path(__file__).resolve().parents[2] / "data" / "demo-en-fr"
# The folder is not importable as a package (its name has hyphens), so it is added to the path.
sys.path.insert(0, str(CORPUS))

from bilingual import french, lexicon, phenomena  # noqa: E402
from bilingual.clauses import (  # noqa: E402
    AdjectivePhrase,
    Age,
    Clause,
    ClockTime,
    Degree,
    Negation,
    PrepositionalPhrase,
    Profession,
    Tense,
    TimeDistance,
    coordinate,
    declarative,
    existential,
    identification,
    interrogative,
    polite_request,
    what_question,
    where_question,
)
from bilingual.lexicon import ADJECTIVE, BE, MODAL, NAMES, NOUN, Name, Verb  # noqa: E402
from bilingual.noun_phrases import (  # noqa: E402
    Coordination,
    Determiner,
    Nominal,
    NounPhrase,
    RelativeClause,
    RelativePronoun,
    nominal_phrase,
)
from bilingual.phrases import Phrase, expression, realise, tokenise_english, tokenise_french  # noqa: E402

PARTS = ("train", "dev", "test")
FILES = [f"{part}.{language}" for part in PARTS for language in ("en", "fr")] + ["test.align"]


def _load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_corpus_generate", CORPUS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _lines(name: str) -> list[str]:
    return (CORPUS / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _pairs(part: str) -> list[tuple[str, str]]:
    return list(zip(_lines(f"{part}.en"), _lines(f"{part}.fr"), strict=True))


# --- The files -----------------------------------------------------------------------------------


def test_files_equal_the_output_of_the_generator(tmp_path: Path) -> None:
    _load_generator().main(["--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (CORPUS / name).read_bytes(), name


def test_sizes() -> None:
    assert len(set(_pairs("train"))) >= 20_000
    assert len(set(_lines("train.en"))) == len(_lines("train.en"))
    assert len(_lines("dev.en")) == len(_lines("test.en")) == len(_lines("test.align")) == 500
    assert sum((CORPUS / name).stat().st_size for name in FILES) < 3_000_000


@pytest.mark.parametrize("language", ["en", "fr"])
def test_held_out_sentences_are_not_in_train(language: str) -> None:
    train, dev, test = (_lines(f"{part}.{language}") for part in PARTS)
    assert len(set(dev)) == len(dev)
    assert len(set(test)) == len(test)
    assert not set(train) & set(dev)
    assert not set(train) & set(test)
    assert not set(dev) & set(test)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_held_out_words_are_common_in_train(language: str) -> None:
    tokenise = tokenise_english if language == "en" else tokenise_french
    counts: dict[str, int] = {}
    for line in _lines(f"train.{language}"):
        for token in tokenise(line.lower()):
            counts[token] = counts.get(token, 0) + 1
    for part in ("dev", "test"):
        for line in _lines(f"{part}.{language}"):
            for token in tokenise(line.lower()):
                assert counts.get(token, 0) >= 5, (token, line)


@pytest.mark.parametrize("name", FILES[:-1])
def test_lines_are_well_formed(name: str) -> None:
    for line in _lines(name):
        assert unicodedata.is_normalized("NFC", line), line
        assert line == line.strip(), line
        assert "  " not in line, line
        assert line.isprintable(), line
        assert line[0].isupper(), line
        assert line[-1] in ".?!", line
        words = [word for word in line.split() if word not in {"?", "!"}]
        assert 3 <= len(words) <= 16, line
        assert not {"\u00a0", "\u2019"} & set(line), line


def test_one_source_has_one_translation() -> None:
    translations: dict[str, str] = {}
    for part in PARTS:
        for en, fr in _pairs(part):
            assert translations.setdefault(en, fr) == fr, en


def test_content_words() -> None:
    seen = {token for line in _lines("train.en") for token in tokenise_english(line)}
    seen |= {token.lower() for token in seen}
    assert len(lexicon.CONTENT_WORDS) >= 300
    assert len(lexicon.CONTENT_WORDS & seen) >= 300


@pytest.mark.parametrize("name", phenomena.PHENOMENA)
def test_phenomenon_occurs(name: str) -> None:
    for part, least in (("train", 100), ("test", 3)):
        found = sum(phenomena.shows_phenomenon(name, en, fr) for en, fr in _pairs(part))
        assert found >= least, (part, found)


# --- French grammar of all lines -----------------------------------------------------------------

_ASPIRATED = "haches?|hamsters?|haricots?|hauts?|hautes?|héros|hiboux?|huit|onze"
UNGRAMMATICAL_FRENCH = {
    "no elision": rf"\b(?:le|la|de|je|ne|que|me|se|te) (?!(?:{_ASPIRATED})\b)[aeiouhâàéèêëîïôûœ]",
    "elision before an aspirated h": rf"'(?:{_ASPIRATED})\b",
    "si il": r"\bsi ils?\b",
    "ce before a vowel": r"\bce [aeioâéèêîôœ]\w*(?<!est)\b",
    "masculine possessive missing": r"\b(?:ma|ta|sa) [aeiouâàéèêîôœ]",
    "beau, nouveau, vieux before a vowel": r"\b(?:beau|nouveau) [aeiouâéèêîôœ]\w+",
    "doubled article": r"\b(?:le|la|les|un|une|des) (?:le|la|les|un|une|des)\b",
    "uncontracted à": r"\bà les\b|\bà le [a-zé]+[^ ]*\b(?<!er)(?<!ir)(?<!re)",
    "negation without de": r"n'(?:ai|a|ont|avons|avez) pas (?:un|une|des|du) ",
    "de des, de du": r"\bde (?:des|du)\b",
}


@pytest.mark.parametrize("name", UNGRAMMATICAL_FRENCH)
def test_no_ungrammatical_sequence(name: str) -> None:
    pattern = re.compile(UNGRAMMATICAL_FRENCH[name], re.IGNORECASE)
    # "beau" may precede "et", "ou", "est" and "a", which begin another phrase.
    harmless = re.compile(r"\b(?:beau|nouveau) (?:et|ou|est|a)\b", re.IGNORECASE)
    for part in PARTS:
        for line in _lines(f"{part}.fr"):
            assert not pattern.search(harmless.sub("", line)), line


def test_articles_contract_but_pronouns_do_not() -> None:
    """ "De le", "de les" and "à le" are correct only before an infinitive: "décide de les aider"."""
    pattern = re.compile(r"\b(?:de|à) les? (\S+)")
    for part in PARTS:
        for line in _lines(f"{part}.fr"):
            for match in pattern.finditer(line):
                assert match.group(1).rstrip(".").endswith(("er", "ir", "re")), line


# --- The alignment -------------------------------------------------------------------------------


def test_alignment_fits_the_tokens() -> None:
    source_tokens = source_linked = target_tokens = target_linked = 0
    for (en, fr), line in zip(_pairs("test"), _lines("test.align"), strict=True):
        source, target = tokenise_english(en), tokenise_french(fr)
        links = [tuple(int(index) for index in link.split("-")) for link in line.split()]
        assert len(set(links)) == len(links) > 0
        assert all(i < len(source) and j < len(target) for i, j in links), en
        assert (len(source) - 1, len(target) - 1) in links, "final punctuation"
        source_tokens += len(source)
        target_tokens += len(target)
        source_linked += len({i for i, _ in links})
        target_linked += len({j for _, j in links})
    assert source_linked / source_tokens >= 0.95
    assert target_linked / target_tokens >= 0.95


def test_tokenisation() -> None:
    assert tokenise_english("Paul's car, please.") == ["Paul's", "car", ",", "please", "."]
    french_tokens = tokenise_french("S'il pleut, qu'est-ce qu'il n'a pas vu aujourd'hui ?")
    assert " ".join(french_tokens) == "S' il pleut , qu' est-ce qu' il n' a pas vu aujourd'hui ?"


def test_alignment_of_one_sentence() -> None:
    clause = Clause(lexicon.SHE, _verb("eat"), negation=Negation.NOT, object=NounPhrase(NOUN["bread"], Determiner.BARE))
    pair = realise(declarative(clause))
    assert pair.en == "She does not eat bread."
    assert pair.fr == "Elle ne mange pas de pain."
    assert pair.alignment == "0-0 1-1 1-3 2-1 2-3 3-2 4-4 4-5 5-6"


# --- The grammar ---------------------------------------------------------------------------------

_VERBS: dict[str, Verb] = {
    verb.en: verb
    for verb in (
        *lexicon.REFLEXIVE,
        *lexicon.MOTION,
        *lexicon.INTRANSITIVE,
        *lexicon.INDIRECT,
        *lexicon.DITRANSITIVE,
        *lexicon.TRANSITIVE,
    )
}


def _verb(en: str) -> Verb:
    return _VERBS[en]


def _np(
    noun: str, det: Determiner = Determiner.THE, plural: bool = False, before: str = "", after: str = ""
) -> NounPhrase:
    return NounPhrase(NOUN[noun], det, plural, ADJECTIVE.get(before), ADJECTIVE.get(after))


def _count(count: int, noun: str) -> NounPhrase:
    return NounPhrase(NOUN[noun], Determiner.NUMBER, plural=True, count=count)


def _named(text: str) -> Name:
    return next(name for name in NAMES if name.text == text)


def _is(subject: Nominal, adjective: str, tense: Tense = Tense.PRESENT) -> Phrase:
    return declarative(Clause(subject, BE, tense, complement=AdjectivePhrase(ADJECTIVE[adjective])))


def _compared(subject: Nominal, adjective: str, degree: Degree, than: Nominal) -> Phrase:
    return declarative(Clause(subject, BE, complement=AdjectivePhrase(ADJECTIVE[adjective], degree, than)))


SPEAKER, YOU, HE, SHE, WE, THEY = (lexicon.I, lexicon.YOU, lexicon.HE, lexicon.SHE, lexicon.WE, lexicon.THEY)
PAST, FUTURE, PROGRESSIVE, PERFECT = Tense.PAST, Tense.FUTURE, Tense.PROGRESSIVE, Tense.PERFECT
NOT, NEVER, NO_LONGER = Negation.NOT, Negation.NEVER, Negation.NO_LONGER
_LETTER = _np("letter")
_MAN = _np("man")
_WASH_HANDS = lexicon.BODY_CARE[0]
_HANDS = lexicon.Expression("her hands", "les mains", "0-0 1-1")

# Hand-written pairs, and the syntax trees that produce them.
EXAMPLES: list[tuple[str, str, Phrase]] = [
    # elision and aspirated h
    ("The man sees the hero.", "L'homme voit le héros.", declarative(Clause(_MAN, _verb("see"), object=_np("hero")))),
    (
        "I love oranges.",
        "J'adore les oranges.",
        declarative(Clause(SPEAKER, _verb("love"), object=_np("orange", Determiner.BARE, True))),
    ),
    ("The axe is heavy.", "La hache est lourde.", _is(_np("axe"), "heavy")),
    ("The clock is old.", "L'horloge est vieille.", _is(_np("clock"), "old")),
    (
        "My friend has two owls.",
        "Mon ami a deux hiboux.",
        declarative(Clause(_np("friend", Determiner.MY), _verb("have"), object=_count(2, "owl"))),
    ),
    ("Her idea is strange.", "Son idée est étrange.", _is(_np("idea", Determiner.HER), "strange")),
    (
        "He says that she is ill.",
        "Il dit qu'elle est malade.",
        coordinate(declarative(Clause(HE, lexicon.SAY)), lexicon.THAT, _is(SHE, "ill")),
    ),
    (
        "I do not know if they are right.",
        "Je ne sais pas s'ils ont raison.",
        coordinate(
            declarative(Clause(SPEAKER, lexicon.KNOW_THAT, negation=NOT)),
            lexicon.IF,
            declarative(Clause(THEY, lexicon.SENSATIONS[5])),
        ),
    ),
    # contraction
    (
        "We are going to the market.",
        "Nous allons au marché.",
        declarative(Clause(WE, _verb("go"), PROGRESSIVE, adjuncts=(PrepositionalPhrase(lexicon.TO, _np("market")),))),
    ),
    (
        "They come back from the hospital.",
        "Ils reviennent de l'hôpital.",
        declarative(Clause(THEY, _verb("come back"), adjuncts=(PrepositionalPhrase(lexicon.FROM, _np("hospital")),))),
    ),
    (
        "She gave the key to the children.",
        "Elle a donné la clé aux enfants.",
        declarative(Clause(SHE, _verb("give"), PAST, object=_np("key"), recipient=_np("child", plural=True))),
    ),
    (
        "Paul is afraid of the dog.",
        "Paul a peur du chien.",
        declarative(Clause(_named("Paul"), lexicon.INDIRECT[-1], object=_np("dog"))),
    ),
    (
        "It is the baker's car.",
        "C'est la voiture du boulanger.",
        identification(NounPhrase(NOUN["car"], Determiner.OWNER, owner=_np("baker"))),
    ),
    (
        "He is talking about the exams.",
        "Il parle des examens.",
        declarative(Clause(HE, _verb("talk about"), PROGRESSIVE, object=_np("exam", plural=True))),
    ),
    # agreement and the place of adjectives
    ("It is a beautiful tree.", "C'est un bel arbre.", identification(_np("tree", Determiner.A, before="beautiful"))),
    ("It is an old hotel.", "C'est un vieil hôtel.", identification(_np("hotel", Determiner.A, before="old"))),
    (
        "They are big white houses.",
        "Ce sont de grandes maisons blanches.",
        identification(_np("house", Determiner.BARE, True, "big", "white")),
    ),
    ("This actor is French.", "Cet acteur est français.", _is(_np("actor", Determiner.THIS), "French")),
    ("These shoes are brown.", "Ces chaussures sont marron.", _is(_np("shoe", Determiner.THIS, True), "brown")),
    (
        "Anne and Julie are happy.",
        "Anne et Julie sont heureuses.",
        _is(Coordination(_named("Anne"), _named("Julie")), "happy"),
    ),
    (
        "Anne and Paul are happy.",
        "Anne et Paul sont heureux.",
        _is(Coordination(_named("Anne"), _named("Paul")), "happy"),
    ),
    ("The soup was cold.", "La soupe était froide.", _is(_np("soup"), "cold", PAST)),
    # partitives and negation
    (
        "We drink some water.",
        "Nous buvons de l'eau.",
        declarative(Clause(WE, _verb("drink"), object=_np("water", Determiner.SOME))),
    ),
    (
        "You do not have any brothers.",
        "Vous n'avez pas de frères.",
        declarative(Clause(YOU, _verb("have"), negation=NOT, object=_np("brother", Determiner.SOME, True))),
    ),
    (
        "She never eats meat.",
        "Elle ne mange jamais de viande.",
        declarative(Clause(SHE, _verb("eat"), negation=NEVER, object=_np("meat", Determiner.BARE))),
    ),
    (
        "He no longer works at school.",
        "Il ne travaille plus à l'école.",
        declarative(Clause(HE, _verb("work"), negation=NO_LONGER, adjuncts=(lexicon.SCHOOL,))),
    ),
    ("It is not an apple.", "Ce n'est pas une pomme.", identification(_np("apple", Determiner.A), negated=True)),
    ("They did not see us.", "Ils ne nous ont pas vus.", declarative(Clause(THEY, _verb("see"), PAST, NOT, object=WE))),
    (
        "Marie has not slept yet.",
        "Marie n'a pas encore dormi.",
        declarative(Clause(_named("Marie"), _verb("sleep"), PERFECT, NOT, adverb=lexicon.YET)),
    ),
    (
        "He needs a car.",
        "Il a besoin d'une voiture.",
        declarative(Clause(HE, _verb("need"), object=_np("car", Determiner.A))),
    ),
    (
        "He needs oil.",
        "Il a besoin d'huile.",
        declarative(Clause(HE, _verb("need"), object=_np("oil", Determiner.BARE))),
    ),
    # tenses
    (
        "The queen arrived yesterday.",
        "La reine est arrivée hier.",
        declarative(Clause(_np("queen"), _verb("arrive"), PAST, adjuncts=(lexicon.TIMES["past"][0],))),
    ),
    (
        "My sisters went out.",
        "Mes sœurs sont sorties.",
        declarative(Clause(_np("sister", Determiner.MY, True), _verb("go out"), PAST)),
    ),
    (
        "Claire was born in Paris.",
        "Claire est née à Paris.",
        declarative(Clause(_named("Claire"), lexicon.BE_BORN, PAST, adjuncts=(lexicon.CITIES[0],))),
    ),
    ("I am going to call her.", "Je vais l'appeler.", declarative(Clause(SPEAKER, _verb("call"), FUTURE, object=SHE))),
    ("We are eating.", "Nous mangeons.", declarative(Clause(WE, _verb("eat"), PROGRESSIVE))),
    (
        "We begin the lesson.",
        "Nous commençons la leçon.",
        declarative(Clause(WE, _verb("begin"), object=_np("lesson"))),
    ),
    (
        "She buys a dress.",
        "Elle achète une robe.",
        declarative(Clause(SHE, _verb("buy"), object=_np("dress", Determiner.A))),
    ),
    # pronouns
    ("He saw her.", "Il l'a vue.", declarative(Clause(HE, _verb("see"), PAST, object=SHE))),
    ("You know them.", "Vous les connaissez.", declarative(Clause(YOU, _verb("know"), object=THEY))),
    (
        "She gives me a book.",
        "Elle me donne un livre.",
        declarative(Clause(SHE, _verb("give"), object=_np("book", Determiner.A), recipient=SPEAKER)),
    ),
    (
        "We explain the rule to them.",
        "Nous leur expliquons la règle.",
        declarative(Clause(WE, _verb("explain"), object=_np("rule"), recipient=THEY)),
    ),
    ("He thinks about her.", "Il pense à elle.", declarative(Clause(HE, _verb("think about"), object=SHE))),
    ("I talk to her.", "Je lui parle.", declarative(Clause(SPEAKER, _verb("talk to"), object=SHE))),
    (
        "She decides to help them.",
        "Elle décide de les aider.",
        declarative(Clause(SHE, _verb("help"), modal=MODAL["decide"], object=THEY)),
    ),
    (
        "I opened the letter and I read it.",
        "J'ai ouvert la lettre et je l'ai lue.",
        coordinate(
            declarative(Clause(SPEAKER, _verb("open"), PAST, object=_LETTER)),
            lexicon.AND,
            declarative(Clause(SPEAKER, _verb("read"), PAST, object=lexicon.IT_FEMININE)),
        ),
    ),
    # reflexive verbs
    ("I get dressed.", "Je m'habille.", declarative(Clause(SPEAKER, _verb("get dressed")))),
    (
        "Marie woke up early.",
        "Marie s'est réveillée tôt.",
        declarative(Clause(_named("Marie"), _verb("wake up"), PAST, adverb=lexicon.MANNER["early"])),
    ),
    (
        "She washed her hands.",
        "Elle s'est lavé les mains.",
        declarative(Clause(SHE, _WASH_HANDS, PAST, complement=_HANDS)),
    ),
    (
        "We must get up at seven o'clock.",
        "Nous devons nous lever à sept heures.",
        declarative(Clause(WE, _verb("get up"), modal=MODAL["must"], adjuncts=(ClockTime(7),))),
    ),
    # questions and commands
    (
        "Does he like coffee?",
        "Est-ce qu'il aime le café ?",
        interrogative(Clause(HE, _verb("like"), object=_np("coffee", Determiner.BARE))),
    ),
    ("What did Anne eat?", "Qu'est-ce qu'Anne a mangé ?", what_question(Clause(_named("Anne"), _verb("eat"), PAST))),
    ("Where is the key?", "Où est la clé ?", where_question(_np("key"))),
    (
        "How many letters did he write?",
        "Combien de lettres est-ce qu'il a écrites ?",
        interrogative(
            Clause(HE, _verb("write"), PAST, extracted=french.Agreement("f", True)),
            nominal_phrase(_np("letter", Determiner.HOW_MANY, True)),
        ),
    ),
    (
        "Why are you not leaving?",
        "Pourquoi est-ce que vous ne partez pas ?",
        interrogative(Clause(YOU, _verb("leave"), PROGRESSIVE, NOT), expression("why", "pourquoi")),
    ),
    (
        "Open the door, please.",
        "Ouvrez la porte, s'il vous plaît.",
        polite_request(declarative(Clause(YOU, _verb("open"), object=_np("door"), imperative=True))),
    ),
    (
        "Do not listen to him!",
        "Ne l'écoutez pas !",
        declarative(Clause(YOU, _verb("listen to"), negation=NOT, object=HE, imperative=True)),
    ),
    # numbers, comparison, relative clauses, il y a
    ("There are twenty-one apples.", "Il y a vingt et une pommes.", existential(_count(21, "apple"))),
    ("There is no milk.", "Il n'y a pas de lait.", existential(_np("milk", Determiner.BARE), negated=True)),
    (
        "She is eighty years old.",
        "Elle a quatre-vingts ans.",
        declarative(Clause(SHE, lexicon.BE_OLD, complement=Age(80))),
    ),
    (
        "He left two days ago.",
        "Il est parti il y a deux jours.",
        declarative(Clause(HE, _verb("leave"), PAST, adjuncts=(TimeDistance(_count(2, "day")),))),
    ),
    ("Emma is taller than him.", "Emma est plus grande que lui.", _compared(_named("Emma"), "tall", Degree.MORE, HE)),
    (
        "The pear is better than the apple.",
        "La poire est meilleure que la pomme.",
        _compared(_np("pear"), "good", Degree.MORE, _np("apple")),
    ),
    (
        "She is a nurse.",
        "Elle est infirmière.",
        declarative(Clause(SHE, BE, complement=Profession(_np("nurse", Determiner.A)))),
    ),
    (
        "The man who is singing is tired.",
        "L'homme qui chante est fatigué.",
        _is(
            NounPhrase(NOUN["man"], relative=RelativeClause(Clause(RelativePronoun(_MAN), _verb("sing"), PROGRESSIVE))),
            "tired",
        ),
    ),
    (
        "The letter that I received is long.",
        "La lettre que j'ai reçue est longue.",
        _is(
            NounPhrase(
                NOUN["letter"],
                relative=RelativeClause(Clause(SPEAKER, _verb("receive"), PAST, extracted=_LETTER.agreement)),
            ),
            "long",
        ),
    ),
]


def test_number_of_grammar_examples() -> None:
    assert len(EXAMPLES) >= 40


@pytest.mark.parametrize(("en", "fr", "phrase"), EXAMPLES, ids=[en for en, _, _ in EXAMPLES])
def test_grammar_produces_the_hand_written_pairs(en: str, fr: str, phrase: Phrase) -> None:
    pair = realise(phrase, en[-1])
    assert (pair.en, pair.fr) == (en, fr)


@pytest.mark.parametrize(
    ("infinitive", "forms"),
    [
        ("manger", "mange manges mange mangeons mangez mangent"),
        ("commencer", "commence commences commence commençons commencez commencent"),
        ("acheter", "achète achètes achète achetons achetez achètent"),
        ("appeler", "appelle appelles appelle appelons appelez appellent"),
        ("préférer", "préfère préfères préfère préférons préférez préfèrent"),
        ("payer", "paie paies paie payons payez paient"),
        ("finir", "finis finis finit finissons finissez finissent"),
        ("vendre", "vends vends vend vendons vendez vendent"),
        ("ouvrir", "ouvre ouvres ouvre ouvrons ouvrez ouvrent"),
        ("comprendre", "comprends comprends comprend comprenons comprenez comprennent"),
        ("devenir", "deviens deviens devient devenons devenez deviennent"),
        ("appartenir", "appartiens appartiens appartient appartenons appartenez appartiennent"),
    ],
)
def test_present_tense(infinitive: str, forms: str) -> None:
    assert [french.present(infinitive, person) for person in range(6)] == forms.split()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (17, "dix-sept"),
        (21, "vingt et une"),
        (22, "vingt-deux"),
        (61, "soixante et une"),
        (70, "soixante-dix"),
        (71, "soixante et onze"),
        (80, "quatre-vingts"),
        (81, "quatre-vingt-une"),
        (91, "quatre-vingt-onze"),
        (99, "quatre-vingt-dix-neuf"),
        (100, "cent"),
    ],
)
def test_feminine_numbers(value: int, words: str) -> None:
    assert french.number(value, "f") == words
