"""Lexicon of the corpus in both languages: nouns, adjectives, verbs, names, pronouns and adverbs.

Nouns have semantic tags; verbs, adjectives and places list the tags that they combine with, so that sampled sentences
make sense.
"""

from dataclasses import dataclass
from enum import Enum

from bilingual import english
from bilingual.french import IL, ILS, JE, NOUS, VOUS, Agreement, Gender


def words(text: str) -> frozenset[str]:
    """Return the set of the words in ``text``."""
    return frozenset(text.split())


# --- Nouns ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noun:
    """Noun; ``mass`` nouns have no plural, ``definite`` ones take an article in French only."""

    en: str
    en_plural: str
    fr: str
    gender: Gender
    tags: frozenset[str]

    @property
    def mass(self) -> bool:
        """True if the noun is uncountable."""
        return "mass" in self.tags

    @property
    def definite(self) -> bool:
        """True if the bare English noun takes a definite article in French: dinner → le dîner."""
        return "definite" in self.tags

    @property
    def human(self) -> bool:
        """True if English refers to the noun with "he", "she" and "who"."""
        return bool(self.tags & {"person", "kin", "infant"})


# English[/irregular plural] | French | gender | tags
_NOUNS = """
man/men | homme | m | person adult
woman/women | femme | f | person adult lady
boy | garçon | m | person young
girl | fille | f | person young
child/children | enfant | m | person young
baby/babies | bébé | m | infant
doctor | médecin | m | person adult job served
teacher | professeur | m | person adult job served
student | étudiant | m | person adult job served
baker | boulanger | m | person adult job served
farmer | fermier | m | person adult job
policeman/policemen | policier | m | person adult job
engineer | ingénieur | m | person adult job
lawyer | avocat | m | person adult job served
singer | chanteur | m | person adult job celebrity
actor | acteur | m | person adult job celebrity
actress | actrice | f | person adult job celebrity lady
writer | écrivain | m | person adult job celebrity
artist | artiste | m | person adult job celebrity
waiter | serveur | m | person adult job
waitress | serveuse | f | person adult job lady
nurse | infirmière | f | person adult job lady
king | roi | m | person royal
queen | reine | f | person royal lady
prince | prince | m | person royal
princess | princesse | f | person royal lady
hero | héros | m | person
neighbour | voisin | m | person adult owned
friend | ami | m | person adult owned
pupil | élève | m | person young
tourist | touriste | m | person adult
guest | invité | m | person owned

father | père | m | kin single
mother | mère | f | kin single
grandfather | grand-père | m | kin single
grandmother | grand-mère | f | kin single
brother | frère | m | kin
sister | sœur | f | kin
son | fils | m | kin
daughter | fille | f | kin
uncle | oncle | m | kin
aunt | tante | f | kin
cousin | cousin | m | kin
nephew | neveu | m | kin
niece | nièce | f | kin

dog | chien | m | animal pet
cat | chat | m | animal pet
horse | cheval | m | animal
bird | oiseau | m | animal
cow | vache | f | animal
rabbit | lapin | m | animal pet
mouse/mice | souris | f | animal
sheep/sheep | mouton | m | animal
duck | canard | m | animal
goat | chèvre | f | animal
hamster | hamster | m | animal pet
owl | hibou | m | animal
hen | poule | f | animal
donkey | âne | m | animal
elephant | éléphant | m | animal
lion | lion | m | animal

apple | pomme | f | food fruit
orange | orange | f | food fruit
banana | banane | f | food fruit
pear | poire | f | food fruit
cherry | cerise | f | food fruit
strawberry | fraise | f | food fruit
tomato | tomate | f | food fruit
carrot | carotte | f | food fruit
onion | oignon | m | food fruit
egg | œuf | m | food
cake | gâteau | m | food dish
sandwich | sandwich | m | food dish
biscuit | biscuit | m | food
pancake | crêpe | f | food dish
omelette | omelette | f | food dish
pizza | pizza | f | food dish
bean | haricot | m | food plural_only

bread | pain | m | food mass slice
cheese | fromage | m | food mass slice
meat | viande | f | food mass slice
rice | riz | m | food mass
soup | soupe | f | food mass warm dish
fish | poisson | m | food mass
chicken | poulet | m | food mass
ham | jambon | m | food mass slice
chocolate | chocolat | m | food mass slice
jam | confiture | f | food mass
butter | beurre | m | ingredient mass
sugar | sucre | m | ingredient mass
salt | sel | m | ingredient mass
oil | huile | f | ingredient mass bottle
honey | miel | m | food mass

water | eau | f | drink mass glass bottle
milk | lait | m | drink mass glass bottle warm
coffee | café | m | drink mass cup warm
tea | thé | m | drink mass cup warm
wine | vin | m | drink mass glass bottle
beer | bière | f | drink mass glass bottle
juice | jus | m | drink mass glass bottle
lemonade | limonade | f | drink mass glass bottle

meal | repas | m | meal
breakfast | petit-déjeuner | m | meal definite
lunch | déjeuner | m | meal definite
dinner | dîner | m | meal definite

book | livre | m | text goods
newspaper | journal | m | text goods
novel | roman | m | text written goods
magazine | magazine | m | text goods
letter | lettre | f | text written paper
poem | poème | m | text written
article | article | m | text written
story/stories | histoire | f | text written
message | message | m | text written paper
report | rapport | m | text written paper
film | film | m | show
match/matches | match | m | show
programme | émission | f | show
concert | concert | m | sound
song | chanson | f | sound
radio | radio | f | sound device
music | musique | f | sound mass

dress/dresses | robe | f | clothing goods
shirt | chemise | f | clothing goods
hat | chapeau | m | clothing goods
coat | manteau | m | clothing goods
jacket | veste | f | clothing goods
skirt | jupe | f | clothing goods
jumper | pull | m | clothing goods
tie | cravate | f | clothing goods
scarf/scarves | écharpe | f | clothing goods
shoe | chaussure | f | clothing goods plural_only
glove | gant | m | clothing goods plural_only
boot | botte | f | clothing goods plural_only
suit | costume | m | clothing goods

car | voiture | f | vehicle goods driven
lorry | camion | m | vehicle goods driven
tractor | tracteur | m | vehicle goods driven
motorbike | moto | f | vehicle goods
bicycle | vélo | m | vehicle goods
bus/buses | autobus | m | vehicle transport driven
train | train | m | transport
plane | avion | m | transport
taxi | taxi | m | transport driven
boat | bateau | m | vehicle goods built

table | table | f | furniture goods support
chair | chaise | f | furniture goods support
bed | lit | m | furniture goods support
armchair | fauteuil | m | furniture goods support
sofa | canapé | m | furniture goods support
wardrobe | armoire | f | furniture goods container
desk | bureau | m | furniture goods support
lamp | lampe | f | furniture goods
carpet | tapis | m | furniture goods support
mirror | miroir | m | furniture goods
shelf/shelves | étagère | f | furniture goods support
clock | horloge | f | furniture goods device
computer | ordinateur | m | device goods
telephone | téléphone | m | device goods
television | télévision | f | device goods
watch/watches | montre | f | device goods small
fridge | frigo | m | device goods

door | porte | f | opening
window | fenêtre | f | opening
box/boxes | boîte | f | opening container carried
bag | sac | m | opening container carried goods
suitcase | valise | f | opening container carried goods
drawer | tiroir | m | opening container
bottle | bouteille | f | vessel
glass/glasses | verre | m | vessel fragile
cup | tasse | f | vessel fragile
plate | assiette | f | vessel fragile
vase | vase | m | vessel fragile goods
key | clé | f | small
umbrella | parapluie | m | small goods carried
wallet | portefeuille | m | small goods
pen | stylo | m | small goods
pencil | crayon | m | small goods
ring | bague | f | small goods
passport | passeport | m | small
ticket | billet | m | small bought paper
photo | photo | f | small picture paper
present | cadeau | m | small bought
toy | jouet | m | small goods
knife/knives | couteau | m | small goods tool
tool | outil | m | small goods tool
axe | hache | f | small goods tool

tree | arbre | m | plant
flower | fleur | f | plant bought
rose | rose | f | plant bought
river | rivière | f | landscape
mountain | montagne | f | landscape
lake | lac | m | landscape
forest | forêt | f | landscape
island | île | f | landscape
star | étoile | f | sky
moon | lune | f | sky single

house | maison | f | building home
school | école | f | building
church/churches | église | f | building sight
castle | château | m | building sight
museum | musée | m | building sight
shop | magasin | m | building
hotel | hôtel | m | building
hospital | hôpital | m | building
station | gare | f | building
restaurant | restaurant | m | building
theatre | théâtre | m | building
cinema | cinéma | m | building
library | bibliothèque | f | building
bank | banque | f | building
bakery | boulangerie | f | building
pharmacy | pharmacie | f | building
factory | usine | f | building
airport | aéroport | m | building
university | université | f | building
farm | ferme | f | building home
office | bureau | m | interior
kitchen | cuisine | f | interior
bedroom | chambre | f | interior
garage | garage | m | interior
garden | jardin | m | outdoors
park | parc | m | outdoors
market | marché | m | outdoors
beach/beaches | plage | f | outdoors
street | rue | f | outdoors
square | place | f | outdoors
village | village | m | settlement
town | ville | f | settlement
bridge | pont | m | structure
wall | mur | m | structure

question | question | f | task
problem | problème | m | task
lesson | leçon | f | task
exercise | exercice | m | task
exam | examen | m | exam
idea | idée | f | thought
secret | secret | m | thought
text | texte | m | text task
rule | règle | f | thought
name | nom | m | label
address/addresses | adresse | f | label
work | travail | m | duty mass
bill | addition | f | duty

French | français | m | language definite mass
English | anglais | m | language definite mass
Italian | italien | m | language definite mass
Spanish | espagnol | m | language definite mass
German | allemand | m | language definite mass
history | histoire | f | subject definite mass
football | football | m | game definite mass
tennis | tennis | m | game definite mass
piano | piano | m | instrument goods
guitar | guitare | f | instrument goods
violin | violon | m | instrument goods

slice | tranche | f | measure
piece | morceau | m | measure
kilo | kilo | m | measure
euro | euro | m | unit
hour | heure | f | unit time
minute | minute | f | unit time
day | jour | m | unit time date
week | semaine | f | unit time date
month | mois | m | unit time date
year | an | m | unit time date
"""


def _parse_noun(line: str) -> Noun:
    en, fr, gender, tags = (cell.strip() for cell in line.split("|"))
    singular, _, irregular = en.partition("/")
    grammatical: Gender = "f" if gender == "f" else "m"
    return Noun(singular, irregular or english.plural(singular), fr, grammatical, frozenset(tags.split()))


NOUNS: tuple[Noun, ...] = tuple(_parse_noun(line) for line in _NOUNS.splitlines() if line)
NOUN: dict[str, Noun] = {noun.en: noun for noun in NOUNS}


def nouns(tags: str) -> tuple[Noun, ...]:
    """Return all nouns that have one of the tags or are named among them."""
    wanted = set(tags.split())
    return tuple(noun for noun in NOUNS if noun.tags & wanted or noun.en in wanted)


# --- Adjectives ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adjective:
    """Adjective; ``before`` tells whether it precedes the noun in French."""

    en: str
    fr: str
    tags: frozenset[str]
    before: bool = False
    uses: frozenset[str] = frozenset({"attributive", "predicative"})
    comparative: str = ""
    french_comparative: str = ""


# English[/comparative] | French | position or use | tags of the nouns that it describes
_ADJECTIVES = """
big/bigger | grand | before | animal building furniture landscape carried settlement interior vehicle cake pizza
small/smaller | petit | before | building furniture landscape carried vehicle interior animal key knife toy photo
beautiful | beau | before | lady building landscape clothing plant settlement animal outdoors
handsome | beau | before | man king prince actor hero singer waiter
pretty/prettier | joli | before | clothing plant home settlement young vessel
new | nouveau | before attributive | job clothing vehicle furniture device goods text show
old/older | vieux | before | adult building vehicle furniture clothing device
good/better | bon | before | food drink show job
bad | mauvais | before | show job thought
young/younger | jeune | before | adult
long/longer | long | before | text show exam
fat/fatter | gros | before | pet
high/higher | haut | before | structure mountain
first | premier | before ordinal | task exam text show transport
last | dernier | before ordinal | task exam text show transport
second | deuxième | before ordinal | task exam text show transport

red | rouge | after | clothing vehicle furniture opening flower rose vessel
blue | bleu | after | clothing vehicle furniture opening vessel
green | vert | after | clothing vehicle furniture opening vessel
black | noir | after | clothing vehicle furniture opening animal
white | blanc | after | clothing vehicle furniture opening flower rose animal vessel
yellow | jaune | after | clothing vehicle opening flower rose vessel
grey | gris | after | clothing vehicle furniture animal
brown | marron | after | clothing furniture opening
round | rond | after | support mirror vessel
empty | vide | after | container vessel interior
clean/cleaner | propre | after | clothing vehicle interior vessel
dirty/dirtier | sale | after | clothing vehicle interior vessel
expensive | cher | after | goods
heavy/heavier | lourd | after | carried furniture
light/lighter | léger | after | carried coat jacket
interesting | intéressant | after | text show task sight
boring | ennuyeux | after | text show task
difficult | difficile | after | task exam
easy/easier | facile | after | task exam
important | important | after | task exam paper
strange/stranger | étrange | after | thought sound show written
famous | célèbre | after | celebrity sight
rich/richer | riche | after | adult royal
happy/happier | heureux | after | adult young royal
sad/sadder | triste | after | adult young royal
ill | malade | after | adult young kin animal infant
tired | fatigué | after | adult young
kind/kinder | gentil | after | adult young royal
intelligent | intelligent | after | adult young pet
lazy/lazier | paresseux | after | adult young pet
polite | poli | after | adult young
shy/shyer | timide | after | adult young
strong/stronger | fort | after | adult young
brave/braver | courageux | after | adult young royal
generous | généreux | after | adult royal
serious | sérieux | after | adult young
curious | curieux | after | adult young pet
jealous | jaloux | after | adult royal
patient | patient | after | adult
honest | honnête | after | adult
nervous | nerveux | after | adult young
French | français | after | adult food text show vehicle
English | anglais | after | adult text show vehicle
Italian | italien | after | adult food text show clothing
Spanish | espagnol | after | adult text show
German | allemand | after | adult text show vehicle
American | américain | after | adult text show vehicle
modern | moderne | after | building device furniture
comfortable | confortable | after | furniture clothing home vehicle
delicious | délicieux | after | food drink meal
fresh/fresher | frais | after | fruit fish
hot/hotter | chaud | after | warm
cold/colder | froid | after | drink warm meal
quiet/quieter | calme | after | settlement outdoors
dangerous | dangereux | after | lion tool landscape
deep/deeper | profond | after | lake river
broken | cassé | after | fragile device furniture
closed | fermé | after | opening building
open | ouvert | after | opening
sweet/sweeter | sucré | after | fruit dish drink
tall/taller | grand | predicative | adult young
ready | prêt | predicative | adult young meal
proud/prouder | fier | predicative | adult young
full | plein | predicative | container vessel
late | en retard | predicative | adult young transport
angry | en colère | predicative | adult young
"""
_FRENCH_COMPARATIVES = {"bon": "meilleur"}


def _parse_adjective(line: str) -> Adjective:
    en, fr, flags, tags = (cell.strip() for cell in line.split("|"))
    word, _, comparative = en.partition("/")
    named = set(flags.split())
    uses = named & {"attributive", "predicative", "ordinal"} or {"attributive", "predicative"}
    return Adjective(
        word,
        fr,
        frozenset(tags.split()),
        before="before" in named,
        uses=frozenset(uses),
        comparative=comparative,
        french_comparative=_FRENCH_COMPARATIVES.get(fr, ""),
    )


ADJECTIVES: tuple[Adjective, ...] = tuple(_parse_adjective(line) for line in _ADJECTIVES.splitlines() if line)
ADJECTIVE: dict[str, Adjective] = {adjective.en: adjective for adjective in ADJECTIVES}


COLOURS = ("red", "blue", "green", "black", "white", "yellow", "grey", "brown")
NATIONALITIES = ("French", "English", "Italian", "Spanish", "German", "American")
# Adjectives without degrees: "very closed" makes no sense.
UNGRADABLE = frozenset(
    (*COLOURS, *NATIONALITIES, "round", "empty", "broken", "closed", "open", "delicious", "ready", "full")
)
# Temporary, positive and negative qualities, for conditions and contrasts.
TEMPORARY = frozenset(("ill", "tired", "sad", "happy", "late", "angry", "nervous", "ready", "jealous"))
POSITIVE = words(
    "beautiful pretty good young clean interesting easy rich happy kind intelligent polite strong brave "
    "generous honest patient modern famous comfortable delicious fresh quiet light big important"
)
NEGATIVE = words(
    "bad old dirty expensive heavy boring difficult strange sad ill tired lazy shy jealous nervous "
    "dangerous broken late angry small cold"
)
ANTONYMS = tuple(
    words(pair)
    for pair in (
        "clean dirty",
        "big small",
        "easy difficult",
        "interesting boring",
        "good bad",
        "happy sad",
        "young old",
    )
)
# Qualities that can be the reason of an action.
REASONS = TEMPORARY - {"ready"} | {"lazy", "kind", "curious", "polite", "generous", "serious", "shy", "brave"}
# Adjectives without a natural comparative in both languages.
UNCOMPARED = frozenset(("ill", "bad", "late", "angry"))


def gradable(adjective: Adjective) -> bool:
    """Return whether the adjective has degrees."""
    return adjective.en not in UNGRADABLE and " " not in adjective.fr


def adjectives(noun: Noun, use: str) -> tuple[Adjective, ...]:
    """Return the adjectives that can describe a noun in a use; their tags may include the English noun itself."""
    return tuple(
        adjective
        for adjective in ADJECTIVES
        if use in adjective.uses and (adjective.tags & noun.tags or noun.en in adjective.tags)
    )


# --- Names and pronouns --------------------------------------------------------------------------


@dataclass(frozen=True)
class Name:
    """First name, the same in both languages."""

    text: str
    gender: Gender


NAMES: tuple[Name, ...] = tuple(
    [Name(text, "f") for text in ["Marie", "Julie", "Anne", "Alice", "Emma", "Sophie", "Claire", "Hélène"]]
    + [Name(text, "m") for text in ["Paul", "Pierre", "Luc", "Thomas", "Antoine", "Hugo", "Marc", "Olivier"]]
)


@dataclass(frozen=True)
class Pronoun:
    """Personal pronoun with its forms in every position."""

    en_subject: str
    en_object: str
    person: int
    agreement: Agreement
    fr_subject: str
    fr_direct: str
    fr_indirect: str
    fr_stressed: str


_M, _F = Agreement("m"), Agreement("f")
_M_PLURAL, _F_PLURAL = Agreement("m", plural=True), Agreement("f", plural=True)

I = Pronoun("I", "me", JE, _M, "je", "me", "me", "moi")  # noqa: E741 - the English word
YOU = Pronoun("you", "you", VOUS, _M, "vous", "vous", "vous", "vous")
HE = Pronoun("he", "him", IL, _M, "il", "le", "lui", "lui")
SHE = Pronoun("she", "her", IL, _F, "elle", "la", "lui", "elle")
WE = Pronoun("we", "us", NOUS, _M_PLURAL, "nous", "nous", "nous", "nous")
THEY = Pronoun("they", "them", ILS, _M_PLURAL, "ils", "les", "leur", "eux")
# Pronouns whose gender must be clear from an antecedent in the same sentence.
THEY_FEMININE = Pronoun("they", "them", ILS, _F_PLURAL, "elles", "les", "leur", "elles")
IT_MASCULINE = Pronoun("it", "it", IL, _M, "il", "le", "lui", "lui")
IT_FEMININE = Pronoun("it", "it", IL, _F, "elle", "la", "lui", "elle")
WHO = Pronoun("who", "who", IL, _M, "qui", "", "", "")

PERSONAL = (I, YOU, HE, SHE, WE, THEY)

# --- Verbs ---------------------------------------------------------------------------------------


class BareObject(Enum):
    """French equivalent of a bare English object ("apples", "bread")."""

    PARTITIVE = "des pommes, du pain"
    GENERIC = "les pommes, le pain"
    NOTHING = "français"


@dataclass(frozen=True)
class Verb:
    """Verb with its government and the tags of its arguments.

    ``en`` may include particles ("look for"), and ``irregular`` holds past and participle ("ate/eaten"); ``fr`` may
    begin with "se" and include words after the verb ("avoir besoin"). ``en_tail`` is the English complement that
    corresponds to those words ("hungry" for "faim").
    """

    en: str
    fr: str
    irregular: str = ""
    en_tail: str = ""
    preposition: str = ""
    objects: str = ""
    # Whether a direct object must be definite: "opens the door" rather than "opens doors".
    definite: bool = False
    recipients: bool = False
    # Whether a pronoun object follows the French verb: "pense à elle", but "lui parle".
    stressed: bool = False
    # Whether English allows two objects: "gives her a book", but "explains the rule to her".
    double_object: bool = True
    places: str = ""
    subjects: str = "human"
    manner: str = ""
    # Whether the verb is a state, which has no progressive, and a past only for "be" and "have".
    state: bool = False
    # Whether the event is too short for a progressive: "finds", "falls".
    momentary: bool = False
    # Whether the object may be omitted.
    optional: bool = False
    bare: BareObject = BareObject.PARTITIVE

    @property
    def en_head(self) -> str:
        """English verb without its particles."""
        return self.en.split()[0]

    @property
    def en_particles(self) -> str:
        """English particles after the verb."""
        return " ".join(self.en.split()[1:])

    @property
    def en_past(self) -> str:
        """Simple past of the English verb without its particles."""
        return self.irregular.split("/")[0] or english.past(self.en_head)

    @property
    def en_participle(self) -> str:
        """Past participle of the English verb without its particles."""
        return self.irregular.split("/")[-1] or english.past(self.en_head)

    @property
    def takes_clitic(self) -> bool:
        """True if a pronoun object precedes the French verb."""
        return not self.preposition or (self.preposition == "à" and not self.stressed)

    @property
    def reflexive(self) -> bool:
        """True if the French verb is reflexive."""
        return self.fr.startswith("se ")

    @property
    def infinitive(self) -> str:
        """French infinitive without "se" and following words."""
        return self.fr.removeprefix("se ").split()[0]

    @property
    def fr_tail(self) -> str:
        """French words after the verb: "besoin" in "avoir besoin"."""
        return " ".join(self.fr.removeprefix("se ").split()[1:])


TRANSITIVE = (
    Verb("eat", "manger", "ate/eaten", objects="food", places="kitchen home garden restaurant", optional=True),
    Verb("drink", "boire", "drank/drunk", objects="drink", places="kitchen home garden restaurant"),
    Verb("prepare", "préparer", objects="meal dish", places="kitchen home"),
    Verb("read", "lire", "read", objects="text", places="home garden library bed school", optional=True),
    Verb("write", "écrire", "wrote/written", objects="written", places="home library office", optional=True),
    Verb("buy", "acheter", "bought", objects="food ingredient drink goods bought", places="town"),
    Verb("sell", "vendre", "sold", objects="goods fruit home", places="town"),
    Verb("want", "vouloir", "wanted", objects="food drink goods bought pet", state=True),
    Verb("have", "avoir", "had", objects="goods pet kin owned task thought", state=True),
    Verb(
        "find", "trouver", "found", objects="small carried paper clothing text", places="street house", momentary=True
    ),
    Verb(
        "lose", "perdre", "lost", objects="small carried clothing", definite=True, places="street town", momentary=True
    ),
    Verb("look for", "chercher", objects="small carried person kin animal infant", places="street house"),
    Verb("look at", "regarder", objects="picture sky person animal clothing sight landscape infant", definite=True),
    Verb("watch", "regarder", objects="show", places="home"),
    Verb(
        "see",
        "voir",
        "saw/seen",
        objects="person kin animal sight sky vehicle infant",
        places="street garden town",
        momentary=True,
    ),
    Verb("hear", "entendre", "heard", objects="person kin animal song infant", places="street garden", momentary=True),
    Verb("listen to", "écouter", objects="sound person kin", definite=True, places="home school"),
    Verb("open", "ouvrir", objects="opening paper", definite=True),
    Verb("close", "fermer", objects="opening", definite=True),
    Verb("clean", "nettoyer", objects="interior vehicle furniture vessel", definite=True),
    Verb("wash", "laver", objects="vehicle clothing vessel pet infant", definite=True, places="garden home"),
    Verb("repair", "réparer", objects="vehicle device furniture", definite=True, places="garage home"),
    Verb("drive", "conduire", "drove/driven", objects="driven", places="town", optional=True),
    Verb("wear", "porter", "wore/worn", objects="clothing", places="school town home"),
    Verb("carry", "porter", objects="carried baby", definite=True),
    Verb("choose", "choisir", "chose/chosen", objects="goods bought text", places="town"),
    Verb("paint", "peindre", objects="wall house door plant landscape", definite=True),
    Verb("build", "construire", "built", objects="home structure built castle", places="forest beach"),
    Verb("visit", "visiter", objects="sight settlement", definite=True),
    Verb("draw", "dessiner", "drew/drawn", objects="animal plant castle house", places="school garden home"),
    Verb("wait for", "attendre", objects="person kin transport", definite=True, places="station street"),
    Verb("help", "aider", objects="person kin infant", definite=True, places="kitchen garden school"),
    Verb("call", "appeler", objects="person kin", definite=True),
    Verb("invite", "inviter", objects="person kin", definite=True),
    Verb("thank", "remercier", objects="person kin", definite=True),
    Verb(
        "meet", "rencontrer", "met", objects="person kin", places="street school park restaurant town", momentary=True
    ),
    Verb("follow", "suivre", objects="person kin animal", definite=True, places="street forest"),
    Verb("know", "connaître", "knew/known", objects="person kin settlement", definite=True, state=True),
    Verb("understand", "comprendre", "understood", objects="task text person rule", definite=True, momentary=True),
    Verb(
        "like",
        "aimer",
        objects="food drink animal game sound show language subject",
        bare=BareObject.GENERIC,
        state=True,
    ),
    Verb("love", "adorer", objects="food drink animal game sound landscape", bare=BareObject.GENERIC, state=True),
    Verb("hate", "détester", objects="food drink game exam", bare=BareObject.GENERIC, state=True),
    Verb("prefer", "préférer", objects="food drink clothing sound game", bare=BareObject.GENERIC, state=True),
    Verb(
        "forget", "oublier", "forgot/forgotten", objects="small carried label clothing", definite=True, momentary=True
    ),
    Verb("bring", "apporter", "brought", objects="food drink bought small"),
    Verb("take", "prendre", "took/taken", objects="transport small carried", definite=True),
    Verb("finish", "finir", objects="meal text exercise", definite=True, momentary=True),
    Verb("begin", "commencer", "began/begun", objects="lesson text exercise", definite=True, momentary=True),
    Verb("learn", "apprendre", "learnt", objects="language song poem rule", places="school"),
    Verb("study", "étudier", objects="language subject rule", places="school library university"),
    Verb("speak", "parler", "spoke/spoken", objects="language", bare=BareObject.NOTHING, places="school home"),
    Verb("sing", "chanter", "sang/sung", objects="song", places="school garden church", optional=True, manner="well"),
    Verb("pay", "payer", "paid", objects="bill", definite=True, places="restaurant"),
    Verb("cut", "couper", "cut", objects="bread cheese meat cake flower apple", definite=True, places="kitchen"),
    Verb(
        "break", "casser", "broke/broken", objects="fragile window toy", definite=True, places="kitchen", momentary=True
    ),
    Verb("fill", "remplir", objects="vessel container", definite=True),
    Verb("receive", "recevoir", "received", objects="paper present", momentary=True),
    Verb("hide", "cacher", "hid/hidden", objects="small present", definite=True, places="garden house bedroom"),
    Verb("iron", "repasser", objects="dress shirt skirt jacket tie suit", definite=True, places="home kitchen"),
    Verb("plant", "planter", objects="plant", places="garden park"),
)

INDIRECT = (
    Verb("answer", "répondre", preposition="à", objects="question letter message", definite=True),
    Verb("talk to", "parler", preposition="à", objects="person kin", definite=True, places="street school"),
    Verb("smile at", "sourire", preposition="à", objects="person kin", definite=True),
    Verb(
        "think about",
        "penser",
        "thought",
        preposition="à",
        stressed=True,
        objects="exam person kin duty",
        definite=True,
    ),
    Verb("play", "jouer", preposition="à", objects="game", places="park school beach"),
    Verb("play", "jouer", preposition="de", objects="instrument", definite=True, places="school home"),
    Verb("talk about", "parler", preposition="de", objects="show text person kin exam task", definite=True),
    Verb("need", "avoir besoin", preposition="de", objects="goods small ingredient person", state=True),
    Verb(
        "be",
        "avoir peur",
        "was/been",
        en_tail="afraid of",
        preposition="de",
        objects="animal exam",
        definite=True,
        state=True,
    ),
)

DITRANSITIVE = (
    Verb("give", "donner", "gave/given", objects="food small goods picture text", recipients=True),
    Verb("show", "montrer", "showed/shown", objects="picture clothing text interior ticket", recipients=True),
    Verb("send", "envoyer", "sent", objects="paper present", recipients=True),
    Verb("lend", "prêter", "lent", objects="small clothing text vehicle", recipients=True),
    Verb("offer", "offrir", objects="bought drink clothing", recipients=True),
    Verb("explain", "expliquer", objects="task rule text", definite=True, recipients=True, double_object=False),
)

_EVERYWHERE = "home garden school park town"
INTRANSITIVE = (
    Verb(
        "sleep",
        "dormir",
        "slept",
        places="home bedroom garden hotel armchair",
        subjects="human animal infant",
        manner="well",
    ),
    Verb("work", "travailler", places="home garden office hospital factory bank library", manner="well hard"),
    Verb("dance", "danser", places="garden street beach kitchen", manner="well together"),
    Verb("swim", "nager", "swam/swum", places="lake river", subjects="human", manner="well fast"),
    Verb("run", "courir", "ran/run", places="park street beach forest", subjects="human animal", manner="fast"),
    Verb("walk", "marcher", places="park street beach forest", manner="fast slowly together"),
    Verb("smile", "sourire", subjects="human infant"),
    Verb("laugh", "rire", places="school kitchen", manner="together"),
    Verb("cry", "pleurer", places="bedroom kitchen garden", subjects="human infant"),
    Verb("travel", "voyager", places="country", manner="together"),
    Verb("cook", "cuisiner", places="home restaurant", manner="well together"),
    Verb("live", "habiter", places="city house village farm castle", state=True),
    Verb("play", "jouer", places=_EVERYWHERE + " beach", subjects="human pet", manner="together"),
)

MOTION = (
    Verb("go", "aller", "went/gone", places="to"),
    Verb("come", "venir", "came/come", places="to"),
    Verb("arrive", "arriver", places="at", momentary=True),
    Verb("leave", "partir", "left"),
    Verb("come in", "entrer", "came/come", momentary=True),
    Verb("go out", "sortir", "went/gone"),
    Verb("stay", "rester", places="home school hotel bed city"),
    Verb("fall", "tomber", "fell/fallen", places="street garden kitchen", momentary=True),
    Verb("come back", "revenir", "came/come", places="from"),
    Verb("return", "retourner", places="to"),
    Verb("go upstairs", "monter", "went/gone"),
    Verb("go downstairs", "descendre", "went/gone"),
    Verb("go home", "rentrer à la maison", "went/gone"),
    Verb("come home", "rentrer à la maison", "came/come"),
)

REFLEXIVE = (
    Verb("get up", "se lever", "got", manner="early late"),
    Verb("wake up", "se réveiller", "woke/woken", manner="early late", subjects="human infant"),
    Verb("go to bed", "se coucher", "went/gone", manner="early late"),
    Verb("fall asleep", "se endormir", "fell/fallen", manner="late", places="bed armchair", momentary=True),
    Verb("get dressed", "se habiller", "got", places="bedroom"),
    Verb("rest", "se reposer", places="home garden armchair hotel"),
    Verb("have fun", "se amuser", "had", places="park beach school"),
    Verb("hurry", "se dépêcher"),
    Verb("go for a walk", "se promener", "went/gone", places="park forest beach town"),
    Verb("stop", "se arrêter"),
    Verb("sit down", "se asseoir", "sat", places="armchair garden chair"),
    Verb("get angry", "se fâcher", "got"),
)

# Reflexive in French with a direct object: "She washes her hands" → "Elle se lave les mains".
BODY_CARE = (Verb("wash", "se laver", objects="body"), Verb("brush", "se brosser", objects="body"))

BE = Verb("be", "être", "was/been", state=True)
BELONG = Verb("belong to", "appartenir", preposition="à", state=True)
BE_OLD = Verb("be", "avoir", "was/been", state=True)
BE_BORN = Verb("be born", "naître", "was/been")
DIE = Verb("die", "mourir")
COST = Verb("cost", "coûter", "cost", state=True)
SAY = Verb("say", "dire", "said", momentary=True)
THINK = Verb("think", "penser", "thought", state=True)
KNOW_THAT = Verb("know", "savoir", "knew/known", state=True)
HOPE = Verb("hope", "espérer", state=True)
BECOME = Verb("become", "devenir", "became/become")
HAVE = next(verb for verb in TRANSITIVE if verb.en == "have")

# "be" with a complement in English, "avoir" with a noun in French.
SENSATIONS = (
    Verb("be", "avoir faim", "was/been", en_tail="hungry", state=True),
    Verb("be", "avoir soif", "was/been", en_tail="thirsty", state=True),
    Verb("be", "avoir froid", "was/been", en_tail="cold", state=True),
    Verb("be", "avoir chaud", "was/been", en_tail="hot", state=True),
    Verb("be", "avoir sommeil", "was/been", en_tail="sleepy", state=True),
    Verb("be", "avoir raison", "was/been", en_tail="right", state=True),
    Verb("be", "avoir tort", "was/been", en_tail="wrong", state=True),
)

# --- Modals --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Modal:
    """Verb before an infinitive; ``auxiliary`` ones take neither "to" nor "do" in English."""

    en: str
    fr: str
    preposition: str = ""
    auxiliary: bool = False


MODALS = (
    Modal("can", "pouvoir", auxiliary=True),
    Modal("must", "devoir", auxiliary=True),
    Modal("want", "vouloir"),
    Modal("like", "aimer"),
    Modal("hope", "espérer"),
    Modal("prefer", "préférer"),
    Modal("try", "essayer", "de"),
    Modal("refuse", "refuser", "de"),
    Modal("decide", "décider", "de"),
    Modal("begin", "commencer", "à"),
    Modal("learn", "apprendre", "à"),
)
MODAL = {modal.en: modal for modal in MODALS}

# --- Adverbs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adverb:
    """Adverb; the flags tell whether it stands inside the verb group or at the end."""

    en: str
    fr: str
    en_inside: bool = False
    fr_inside: bool = False


FREQUENCY = (
    Adverb("often", "souvent", True, True),
    Adverb("always", "toujours", True, True),
    Adverb("sometimes", "parfois", True, True),
    Adverb("rarely", "rarement", True, True),
)
ALREADY = Adverb("already", "déjà", True, True)
YET = Adverb("yet", "encore", False, True)
MANNER = {
    adverb.en: adverb
    for adverb in (
        Adverb("well", "bien", False, True),
        Adverb("hard", "dur"),
        Adverb("fast", "vite"),
        Adverb("slowly", "lentement"),
        Adverb("early", "tôt"),
        Adverb("late", "tard"),
        Adverb("together", "ensemble"),
    )
}


@dataclass(frozen=True)
class Expression:
    """Fixed expression of time or place; ``links`` is in Pharaoh format, and all words are linked if it is empty."""

    en: str
    fr: str
    links: str = ""


# English | French before elision and contraction | links
_TIMES = {
    "present": """
        every day | tous les jours | 0-0 0-1 1-2
        every morning | tous les matins | 0-0 0-1 1-2
        every evening | tous les soirs | 0-0 0-1 1-2
        in the morning | le matin | 0-0 1-0 2-1
        in the evening | le soir | 0-0 1-0 2-1
        on Sundays | le dimanche | 0-0 1-0 1-1
        on Fridays | le vendredi | 0-0 1-0 1-1
        """,
    "present, lasting": """
        every week | toutes les semaines | 0-0 0-1 1-2
        every year | tous les ans | 0-0 0-1 1-2
        on Sundays | le dimanche | 0-0 1-0 1-1
        in summer | en été | 0-0 1-1
        in winter | en hiver | 0-0 1-1
        """,
    "state": """
        now | maintenant
        today | aujourd'hui
        """,
    "progressive": """
        now | maintenant
        this morning | ce matin | 0-0 1-1
        today | aujourd'hui
        at the moment | en ce moment | 0-0 1-1 2-2
        """,
    "past": """
        yesterday | hier
        last night | hier soir | 0-0 1-1
        yesterday morning | hier matin | 0-0 1-1
        this morning | ce matin | 0-0 1-1
        on Monday | lundi
        on Tuesday | mardi
        on Saturday | samedi
        before dinner | avant le dîner | 0-0 1-1 1-2
        after lunch | après le déjeuner | 0-0 1-1 1-2
        """,
    "past, lasting": """
        yesterday | hier
        last week | la semaine dernière | 0-0 0-2 1-1
        last month | le mois dernier | 0-0 0-2 1-1
        last year | la année dernière | 0-0 0-2 1-1
        last summer | le été dernier | 0-0 0-2 1-1
        on Tuesday | mardi
        """,
    "future": """
        tomorrow | demain
        tonight | ce soir
        tomorrow morning | demain matin | 0-0 1-1
        soon | bientôt
        on Monday | lundi
        on Thursday | jeudi
        on Saturday | samedi
        after lunch | après le déjeuner | 0-0 1-1 1-2
        """,
    "future, lasting": """
        tomorrow | demain
        soon | bientôt
        next week | la semaine prochaine | 0-0 0-2 1-1
        next month | le mois prochain | 0-0 0-2 1-1
        next year | la année prochaine | 0-0 0-2 1-1
        next summer | le été prochain | 0-0 0-2 1-1
        on Thursday | jeudi
        """,
}


def _parse_times(block: str) -> tuple[Expression, ...]:
    rows = [[cell.strip() for cell in line.split("|")] for line in block.splitlines() if line.strip()]
    return tuple(Expression(*row) for row in rows)


# Time adverbials that also go with states: "has a car now".
TIMES = {tense: _parse_times(block) for tense, block in _TIMES.items()}


@dataclass(frozen=True)
class Preposition:
    """Preposition of place; all its words are linked to each other."""

    en: str
    fr: str


IN, ON, UNDER = Preposition("in", "dans"), Preposition("on", "sur"), Preposition("under", "sous")
BEHIND, IN_FRONT = Preposition("behind", "derrière"), Preposition("in front of", "devant")
NEAR, NEXT_TO = Preposition("near", "près de"), Preposition("next to", "à côté de")
AT, TO, FROM = Preposition("at", "à"), Preposition("to", "à"), Preposition("from", "de")
WITH, WITHOUT, FOR = Preposition("with", "avec"), Preposition("without", "sans"), Preposition("for", "pour")

HOME = Expression("at home", "à la maison", "0-0 1-1 1-2")
BED = Expression("in bed", "à le lit", "0-0 0-1 1-2")
FARM = Expression("on the farm", "à la ferme", "0-0 1-1 2-2")
SCHOOL = Expression("at school", "à la école", "0-0 1-1 1-2")
TOWN = Expression("in town", "en ville", "0-0 1-1")
COUNTRIES = (
    Expression("in France", "en France", "0-0 1-1"),
    Expression("in Italy", "en Italie", "0-0 1-1"),
    Expression("in Spain", "en Espagne", "0-0 1-1"),
    Expression("in England", "en Angleterre", "0-0 1-1"),
    Expression("in Japan", "à le Japon", "0-0 1-1 1-2"),
    Expression("in Canada", "à le Canada", "0-0 1-1 1-2"),
)
CITIES = (
    Expression("in Paris", "à Paris", "0-0 1-1"),
    Expression("in London", "à Londres", "0-0 1-1"),
    Expression("in Lyon", "à Lyon", "0-0 1-1"),
    Expression("in Rome", "à Rome", "0-0 1-1"),
)
DESTINATIONS = (
    Expression("to school", "à la école", "0-0 1-1 1-2"),
    Expression("to Paris", "à Paris", "0-0 1-1"),
    Expression("to London", "à Londres", "0-0 1-1"),
    Expression("to Rome", "à Rome", "0-0 1-1"),
    Expression("to France", "en France", "0-0 1-1"),
    Expression("to Italy", "en Italie", "0-0 1-1"),
    Expression("to England", "en Angleterre", "0-0 1-1"),
    Expression("to Japan", "à le Japon", "0-0 1-1 1-2"),
    Expression("to Canada", "à le Canada", "0-0 1-1 1-2"),
)
# English verb, singular and plural; French
BODY_PARTS = (
    (BODY_CARE[0], "hands", "hands", "les mains"),
    (BODY_CARE[0], "face", "faces", "le visage"),
    (BODY_CARE[1], "teeth", "teeth", "les dents"),
    (BODY_CARE[1], "hair", "hair", "les cheveux"),
)
WEATHER = (
    Expression("it is raining", "il pleut", "0-0 1-1 2-1"),
    Expression("it is snowing", "il neige", "0-0 1-1 2-1"),
    Expression("it is cold", "il fait froid", "0-0 1-1 2-2"),
    Expression("it is hot", "il fait chaud", "0-0 1-1 2-2"),
    Expression("it is windy", "il y a de le vent", "0-0 1-1 1-2 2-3 2-4 2-5"),
    Expression("the weather is nice", "il fait beau", "0-0 1-0 2-1 3-2"),
)
AND, BUT = Expression("and", "et"), Expression("but", "mais")
BECAUSE, WHEN, IF = Expression("because", "parce que"), Expression("when", "quand"), Expression("if", "si")
THAT = Expression("that", "que")

# All English nouns, verbs, adjectives, names and adverbs.
CONTENT_WORDS: frozenset[str] = frozenset(
    [noun.en for noun in NOUNS]
    + [adjective.en for adjective in ADJECTIVES]
    + [name.text for name in NAMES]
    + [adverb.en for adverb in (*FREQUENCY, *MANNER.values())]
    + [verb.en_head for verb in (*TRANSITIVE, *INDIRECT, *DITRANSITIVE, *INTRANSITIVE, *MOTION, *REFLEXIVE)]
)
