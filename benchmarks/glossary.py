"""Compare methods of writing glossary terms into translations.

    python benchmarks/glossary.py MODEL --source dev.en --target dev.de --train-source train.en --train-target train.de

The terms are taken from the sentence pairs by statistical word alignment, for which the training text helps: a source
word or phrase and its translation in a reference, if the model's own translations contain that translation in at most
half of the sentences. Each method translates a sample of the sentences with all terms. The columns are

    present   terms that stand in the translation as whole words, as the glossary spells them, in percent of all terms
    inflected the same, with terms that stand there in an inflected form
    beside    terms whose replaced word, which the plain translation has in their place, still stands there, in percent
    BLEU      of the sample, and the difference from the plain translation
    s         time for the sample on one thread

Methods: "post-edit" replaces the words of the plain translation that are aligned to a term (what Carousel does);
"constrained" forces the terms to occur by lexically constrained decoding; "constrained, old words banned" also bans the
words that the post-edit would replace.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sacrebleu

from nmt.corpus.parallel_corpus import read_parallel_files
from nmt.corpus.word_aligner import WordAligner
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.text.glossary import TermList, TermMatch, replace_terms
from nmt.text.glossary.placement import place_terms
from nmt.text.glossary.words import find_words, is_function_word
from nmt.text.normalisation import normalise
from nmt.utils.arrays import Int32Array
from nmt.utils.errors import CarouselError

MAX_TERM_WORDS = 3
MAX_BEAM = 16
Links = list[tuple[int, int]]


@dataclass(frozen=True)
class Sentence:
    """Sentence pair with its plain translation, and the words of each with the links between them."""

    source: str
    reference: str
    plain: Translation
    source_words: list[str]
    plain_words: list[str]
    plain_links: Links


def main() -> None:
    """Translate a sample of sentences with each method, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--train-source", type=Path)
    parser.add_argument("--train-target", type=Path)
    parser.add_argument("--terms", type=int, default=200)
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--methods", nargs="+", choices=METHODS)
    parser.add_argument("--show", type=int, default=0, help="Number of faulty sentences to print per method.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pairs = [(normalise(a), normalise(b)) for a, b in read_parallel_files(options.source, options.target)]
    training: list[tuple[str, str]] = []
    if options.train_source:
        training = [
            (normalise(a), normalise(b)) for a, b in read_parallel_files(options.train_source, options.train_target)
        ]
    translator = Translator.load(options.model)
    plain = translator.translate([source for source, _ in pairs])
    aligner = PhraseAligner([*pairs, *training], [(s, each.text) for (s, _), each in zip(pairs, plain, strict=True)])
    candidates = find_candidates(pairs, plain, aligner, translator.source_language, translator.target_language)
    terms, numbers = select(candidates, options.terms, options.sentences, random.Random(options.seed))
    glossary = TermList(sorted(terms.items()), translator.source_language, translator.target_language)
    sample = [aligner.sentence(n, pairs[n], plain[n]) for n in numbers]
    occurrences = sum(len(glossary.find(sentence.source)) for sentence in sample)
    print(f"{len(terms)} terms, {len(sample)} sentences, {occurrences} occurrences")
    compare(translator, glossary, sample, options.methods or [*METHODS], options.show)


# -- terms ---------------------------------------------------------------------------------------------------


class PhraseAligner:
    """Statistical word alignment of sentence pairs and of plain translations with their sources."""

    def __init__(self, pairs: Sequence[tuple[str, str]], translations: Sequence[tuple[str, str]]) -> None:
        """Train on all pairs, and align the first ones and the translations, which have the same sources."""
        ids: dict[str, int] = defaultdict(lambda: len(ids) + 1)
        encode: Callable[[str], Int32Array] = lambda text: np.array(  # noqa: E731
            [ids[word.lower()] for word in words_of(text)] or [ids[""]], dtype=np.int32
        )
        everything = [*pairs, *translations]
        sources, targets = [encode(a) for a, _ in everything], [encode(b) for _, b in everything]
        aligner = WordAligner(sources, targets)
        count = len(translations)
        self.reference_links = _links(aligner, sources[:count], targets[:count])
        self._plain_links = _links(aligner, sources[-count:], targets[-count:])

    def sentence(self, number: int, pair: tuple[str, str], plain: Translation) -> Sentence:
        """Return a sentence pair with its plain translation."""
        return Sentence(*pair, plain, words_of(pair[0]), words_of(plain.text), self._plain_links[number])


def _links(aligner: WordAligner, sources: Sequence[Int32Array], targets: Sequence[Int32Array]) -> list[Links]:
    found = zip(*aligner.align(sources, targets), strict=True)
    return [list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in found]


def words_of(text: str) -> list[str]:
    return [text[start:end] for start, end in find_words(text)]


def find_candidates(
    pairs: Sequence[tuple[str, str]],
    plain: Sequence[Translation],
    aligner: PhraseAligner,
    source_language: str,
    target_language: str,
) -> dict[tuple[str, str], list[int]]:
    """Return the possible terms with the numbers of the sentences whose references translate them so."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, (source, target) in enumerate(pairs):
        source_ranges, target_ranges = find_words(source), find_words(target)
        for (a, b), (c, d) in consistent_phrases(aligner.reference_links[number], len(source_ranges)):
            phrase = source[source_ranges[a][0] : source_ranges[b][1]]
            translation = target[target_ranges[c][0] : target_ranges[d][1]]
            if is_term(phrase, source_language) and is_term(translation, target_language):
                # The first word of a sentence is capitalised because of its place.
                phrase = phrase.lower() if a == 0 else phrase
                translation = translation if c else translation[0].lower() + translation[1:]
                found[phrase, translation].append(number)
    return {
        term: numbers
        for term, numbers in found.items()
        if sum(count_words(plain[n].text, term[1]) > 0 for n in numbers) * 2 <= len(numbers)
    }


def consistent_phrases(links: Links, source_length: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield pairs of source and target ranges (inclusive) that no link leaves, with linked words at the edges."""
    for first in range(source_length):
        for last in range(first, min(first + MAX_TERM_WORDS, source_length)):
            targets = [target for source, target in links if first <= source <= last]
            edges = {source for source, _ in links} >= {first, last}
            if targets and edges and max(targets) - min(targets) < MAX_TERM_WORDS:
                inside = range(min(targets), max(targets) + 1)
                if all(first <= source <= last for source, target in links if target in inside):
                    yield (first, last), (inside[0], inside[-1])


def is_term(text: str, language: str) -> bool:
    """Return whether a phrase begins and ends with a content word and has no punctuation."""
    words = words_of(text)
    ends = (words[0], words[-1])
    plain = all(character.isalnum() or character in " -" for character in text)
    return plain and all(len(word) > 3 and not is_function_word(word, language) for word in ends)


def select(
    candidates: dict[tuple[str, str], list[int]], num_terms: int, num_sentences: int, generator: random.Random
) -> tuple[dict[str, str], list[int]]:
    """Return terms with distinct sources, and the numbers of sentences that contain them."""
    order = sorted(candidates)
    generator.shuffle(order)
    # Prefer terms that occur several times, but not the most frequent words, which no glossary contains.
    order.sort(key=lambda term: not 2 <= len(candidates[term]) <= 5)
    terms: dict[str, str] = {}
    numbers: dict[int, None] = {}
    for source, target in order:
        if source.lower() not in terms and len(terms) < num_terms:
            terms[source.lower()] = target
            numbers |= dict.fromkeys(candidates[source, target])
    chosen = list(numbers)
    generator.shuffle(chosen)
    return terms, sorted(chosen[:num_sentences])


# -- methods -------------------------------------------------------------------------------------------------


def translate_plain(translator: Translator, glossary: TermList, sample: Sequence[Sentence]) -> list[str]:
    del glossary
    return [translation.text for translation in translator.translate([sentence.source for sentence in sample])]


def post_edit(translator: Translator, glossary: TermList, sample: Sequence[Sentence]) -> list[str]:
    translations = translator.translate([sentence.source for sentence in sample])
    language = translator.target_language
    return [
        replace_terms(glossary.find(s.source), s.source, each.text, each.alignment, language).text
        for s, each in zip(sample, translations, strict=True)
    ]


def constrain(translator: Translator, glossary: TermList, sample: Sequence[Sentence]) -> list[str]:
    return [_constrained(translator, s, glossary.find(s.source), ()) for s in sample]


def constrain_with_ban(translator: Translator, glossary: TermList, sample: Sequence[Sentence]) -> list[str]:
    translated: list[str] = []
    for sentence in sample:
        plain, matches = translator.translate(sentence.source), glossary.find(sentence.source)
        places = place_terms(matches, sentence.source, plain.text, plain.alignment, translator.target_language)
        missing = [match for match, place in zip(matches, places, strict=True) if not place.is_present]
        replaced = [plain.text[place.start : place.end] for place in places if not place.is_present]
        translated.append(_constrained(translator, sentence, missing, [text for text in replaced if text]))
    return translated


def _constrained(
    translator: Translator, sentence: Sentence, matches: Sequence[TermMatch], banned: Sequence[str]
) -> str:
    force = tuple(translator.force_phrase_ids(match.target) for match in matches)
    bans: list[tuple[int, ...]] = []
    for text in {variant for each in banned for variant in (each, each.lower(), each.capitalize())}:
        try:
            bans += translator.bad_phrase_ids(text)
        except CarouselError:
            continue
    options = replace(translator.decoding_options, force_phrases=force, bad_phrases=tuple(bans))
    beam = max(translator.beam_size, min(sum(map(len, force)) + 3, MAX_BEAM))
    return translator.translate(sentence.source, beam_size=beam, options=options).text


# -- measures ------------------------------------------------------------------------------------------------


METHODS = {
    "plain": translate_plain,
    "post-edit": post_edit,
    "constrained": constrain,
    "constrained, old words banned": constrain_with_ban,
}


def compare(
    translator: Translator, glossary: TermList, sample: Sequence[Sentence], methods: Sequence[str], show: int
) -> None:
    """Translate the sample with each method, and print a row of the table for each."""
    references = [[sentence.reference for sentence in sample]]
    baseline = None
    print(f"{'method':30} present inflected beside   BLEU          s")
    for name in methods:
        start = time.perf_counter()
        outputs = METHODS[name](translator, glossary, sample)
        seconds = time.perf_counter() - start
        bleu = sacrebleu.corpus_bleu(outputs, references).score
        baseline = bleu if baseline is None else baseline
        counts: Counter[str] = Counter()
        for sentence, output in zip(sample, outputs, strict=True):
            found = judge(glossary, sentence, output)
            counts += found
            if show and name != "plain" and (found["inflected"] < found["all"] or found["beside"]):
                show -= 1
                terms = [(match.source, match.target) for match in glossary.find(sentence.source)]
                print(f"    {sentence.source} | {sentence.plain.text} | {output} | {terms} {dict(found)}")
        present, inflected, beside = (
            f"{100 * counts[key] / counts['all']:.1f}%" for key in ("present", "inflected", "beside")
        )
        print(
            f"{name:30} {present:>7} {inflected:>9} {beside:>6} {bleu:6.2f} {bleu - baseline:+6.2f} {seconds:6.1f}",
            flush=True,
        )


def judge(glossary: TermList, sentence: Sentence, output: str) -> Counter[str]:
    """Return how many terms a sentence has, and how many of them are present or stand beside the replaced word."""
    counts: Counter[str] = Counter()
    matches = glossary.find(sentence.source)
    wanted = Counter(match.target for match in matches)
    for target, times in wanted.items():
        forms = TermList([(target, target)], glossary.target_language, glossary.target_language)
        counts["all"] += times
        counts["present"] += min(times, count_words(output, target))
        counts["inflected"] += min(times, len(forms.find(output)))
    term_words = {word.lower() for target in wanted for word in words_of(target)}
    for match in matches:
        counts["beside"] += is_beside(match, sentence, output, term_words)
    return counts


def is_beside(match: TermMatch, sentence: Sentence, output: str, term_words: set[str]) -> bool:
    """Return whether a content word that the plain translation has in place of a term still stands in the output.

    The word is aligned only to words of the term, by the statistical alignment, and is not part of a term itself.
    """
    ranges = find_words(sentence.source)
    inside = {n for n, (start, end) in enumerate(ranges) if start < match.end and end > match.start}
    aligned: dict[int, set[int]] = defaultdict(set)
    for source, target in sentence.plain_links:
        aligned[target].add(source)
    replaced = {sentence.plain_words[target] for target, sources in aligned.items() if sources <= inside}
    return any(
        word.lower() not in term_words
        and len(word) > 3  # particles such as "sich" and "zu" are content words in name only
        and not is_function_word(word, None)
        and count_words(output, word) >= count_words(sentence.plain.text, word)
        for word in replaced
    )


def count_words(text: str, phrase: str) -> int:
    """Return how often a phrase occurs in a text as whole words, ignoring case."""
    words, wanted = [word.lower() for word in words_of(text)], [word.lower() for word in words_of(phrase)]
    return sum(words[n : n + len(wanted)] == wanted for n in range(len(words) - len(wanted) + 1))


if __name__ == "__main__":
    main()
