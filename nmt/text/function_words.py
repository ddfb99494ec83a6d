"""Function words of languages in the Latin script, which tell languages apart at the cost of a dictionary look-up.

Function words make up almost half of running text and hardly ever pass into another language, so that two or three of
them identify the language of a sentence (Ingle 1976; Grefenstette 1995).
"""

from __future__ import annotations

from collections.abc import Iterable

from nmt.text.languages import primary_subtag

_TABLE = """
de: aber alle als am an auch auf aus bei bin bist da das dass dein dem den der des dich die dir doch du durch ein eine
    einem einen einer er es euch für habe haben hast hat hatte ich ihm ihn ihnen ihr ihre im in ist ja kann kein keine
    man mein meine mich mir mit nach nicht nichts noch nur oder schon sehr sein seine sich sie sind so über um und uns
    unser vom von vor war waren was weil wenn wer werden wie wir wird wo würde zu zum zur
en: a about after all am an and any are as at be because been but by can could did do does for from had has have he her
    him his how i if in is it its just me more my no not of off on or our out she should so some than that the their
    them there these they this those to up us very was we were what when where which who why will with would you your
es: al algo antes aquí como con cuando de del desde donde el ella ellos en era es esa ese eso esta estaba este esto está
    están fue ha había hace han hay he la las le les lo los me mi mis muy más nada ni no nos o para pero por porque que
    qué quien se ser si sin sobre son su sus sí también te tenía tiene todo todos tu tus un una uno y ya yo él
fr: ai as au aussi aux avait avec avez avons c ce ces cette chez comme d dans de des du elle elles en est et eu fait il
    ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on ont ou où par pas plus pour
    qu quand que qui s sa sans se ses si son sont suis sur t ta te tes toi ton tu un une vos votre vous y à était êtes
it: a ai al alla anche che chi ci come con cosa da dal de degli dei del della delle di dove e era gli ha hai hanno ho i
    il in io la le lei lo loro lui ma mi mia mio molto ne nel nella non o per perché più quando quella quello questa
    questo se sei si sia sono su sua sul suo ti tu tutti un una uno va vi è
nl: aan al als bij ben bent daar dan dat de deze die dit doen door een er gaan geen haar had hadden heb hebben heeft
    hem het hier hij hoe hun iets ik in is je jij jou kan kun maar me meer men met mij mijn moet na naar niet niets nog
    nu of om omdat ons ook op over te tot u uit van veel voor waar was wat we werd wie wij wil worden wordt zal ze zei
    zich zij zijn zo zou
pl: aby ale bardzo bez być był była było będzie ci co czy dla do gdy gdzie go ich ja jak jako je jego jej jest jestem
    jeszcze już każdy kiedy kto która które który mam mi mnie może my na nad nie nic od on ona oni po pod przed przez
    przy się są tak także tam ten to tu tutaj ty tylko tym w wszystko we z za ze że
pt: a ao aos as até com como da das de dela dele do dos e ela elas ele eles em era essa esse esta este está estão eu foi
    há isso já lhe mais mas me meu minha muito na nas no nos nossa não nós o os ou para pela pelo por porque qual quando
    que quem se sem ser seu sua são também te tem tenho um uma você à é
sv: alla att av bara blev bli de dem den denna det detta dig din du då där efter ett eller en er från för ha hade han
    hans har hon honom hur här i inte jag kan man med men mig min mitt mycket nu när något och om oss på sig sin ska
    skulle som så till upp ur var vad vem vi vid vill än är över
"""
_HOMOGRAPHS = "all da die do door for hat in los man me met no over son war will"


def _parse_table() -> dict[str, frozenset[str]]:
    languages: dict[str, frozenset[str]] = {}
    for entry in _TABLE.strip().replace("\n    ", " ").split("\n"):
        language, _, words = entry.partition(": ")
        languages[language] = frozenset(words.split())
    return languages


HOMOGRAPHS = frozenset(_HOMOGRAPHS.split())
"""Function words of one language that are frequent words of others."""
_WORDS = _parse_table()
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in _WORDS.items():
    for _word in _words:
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)


def function_words(language: str) -> frozenset[str]:
    """Return the function words of a language in lower case; none if the language is not in the table."""
    return _WORDS.get(language) or _WORDS.get(primary_subtag(language), frozenset())


def count_function_words(words: Iterable[str]) -> dict[str, int]:
    """Return the number of words, given in lower case, that are function words of each language.

    Languages without any are left out.
    """
    counts: dict[str, int] = {}
    for word in words:
        for language in _LANGUAGES_OF.get(word, ()):
            counts[language] = counts.get(language, 0) + 1
    return counts
