"""Measure whether protected spans survive translation, and what they cost the rest of the sentence.

    python benchmarks/protected_spans.py MODEL --source dev.en --target dev.fr

The script puts one to four random spans of all kinds into sentences: in place of a name or number that stands on both
sides, after a noun phrase, in brackets, before the final punctuation, or at the start. It prints the share of the
spans that occur byte-identical exactly once in the translation. Each text is also translated with a plain noun in place
of each span; without the spans, and without the translations of the nouns, both translations are compared by chrF with
the reference translation and with each other. The sentences without spans and nouns are translated, too.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from nmt.corpus.parallel_corpus import read_parallel_files
from nmt.evaluation.metrics import sacrebleu_metrics
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.text.normalisation import normalise

# Templates of spans by kind. ω is a word, Ω a word in capitals, λ a capital letter, δ a digit, η a hexadecimal digit.
TEMPLATES = {
    "URL": ["https://example.com/ω?ω=δδ", "http://ω.example.org/ω-ω.html#ω", "www.ω.com", "ω.net/ω", "https://ω.io/"],
    "e-mail address": ["ω.ω@example.com", "ω+ω@ω.example.org", "ωδ@ω.de"],
    "path": ["/usr/ω/ω.txt", "~/ω/ω", "./ω.sh", "C:\\ω\\ω.docx", "ω/ω_ω.py", "ω-δδ.pdf", "../ω/ω.csv"],
    "printf": ["%s", "%d", "%δ$s", "%(ω)s", "%0δ.2f", "%@"],
    "braces": ["{ω}", "{{ ω }}", "{δ}", "${Ω}", "#{ω}", "{ω.ω}", "$Ω_Ω"],
    "tag": ['<x id="δδ"/>', "<br>", "<ph:δ/>", "<ω/>", "&nbsp;", "&#8δδδ;"],
    "hashtag": ["#ω", "#ωδδ", "#ω_ω"],
    "mention": ["@ω", "@ω_ω", "@ωδδ"],
    "emoji": ["🎉", "👍🏽", "👩‍⚕️", "🇫🇷", "❤️", "1️⃣", "🚀", "😀", "👨‍👩‍👧"],
    "code": ["λλ-δδδδ-λ", "λδδ", "λλδδλλ", "DEδδ δδδδ δδδδ δδδδ δδδδ δδ", "δδ-λ-δδδ", "bηηδηηf", "Ω-δδ"],
    "identifier": ["ω_ω", "ωΛω", "ω.ω.ω", "Ω_Ω", "ω_ω()", "`ω = δ`"],
    "version": ["vδ.δ.δ", "δ.δ-rcδ", "δ.δδ.δ"],
    "date or time": ["2026-11-1δ", "2019-02-2δ", "1δ:45", "2026-11-30T12:4δZ"],
    "number": ["δ,δδδ.5", "-δ °C", "δδ km", "δδ%", "$δ,δδδ", "€δδ", "δδδ", "δ", "δδ kB", "δ.5"],
    "telephone number": ["+33 δ δδ δδ δδ δδ", "(555) δδδ-δδδδ", "0δ δδ δδ δδ δδ"],
}
SYLLABLES = ["ba", "do", "fi", "ka", "lu", "me", "no", "pi", "ra", "so", "ta", "vu"]
NOUNS = ["table", "dog", "house", "book"]
NOUN_PHRASE = re.compile(
    r"\b(?:the|an?|my|your|his|her|our|their|this|that|two|three) \w+"
    r"(?= (?:in|on|at|with|to|from|by|for|and|near|is|was)\b|[,.!?])",
    re.IGNORECASE,
)
FINAL_PUNCTUATION = re.compile(r"[.!?]*$")
NAME_OR_NUMBER = re.compile(r"(?<=[^.!?\s] )(?:[A-Z][a-z]+|\d+)\b(?![,.:]\d)")
# How a span stands in each place; the space before it is added if there is none.
PLACES = {
    "instead of a name or number": ["#"],
    "after a noun phrase": ["#"],
    "in brackets": ["(#)"],
    "before the final punctuation": ["#", ": #"],
    "at the start": ["#: "],
}
STARTING = {"hashtag": "# ", "mention": "# ", "emoji": "# "}


@dataclass(frozen=True)
class Span:
    """A span and where it stands in a sentence."""

    kind: str
    place: str
    template: str
    """Text that is inserted, with # in the place of the span."""
    text: str


@dataclass(frozen=True)
class Text:
    """A sentence with spans, the same with nouns, and the reference translation without both."""

    with_spans: str
    spans: list[Span]
    with_nouns: str
    nouns: list[tuple[int, int]]
    """Ranges of the nouns."""
    reference: str


def fill(template: str, random: Random) -> str:
    """Replace the symbols in a template."""

    def word() -> str:
        return "".join(random.choices(SYLLABLES, k=random.choice([2, 3])))

    words = {"ω": word, "Ω": lambda: word().upper(), "Λ": lambda: word().capitalize()}
    characters = {"λ": "ABCDEFGHKLMNPRSTUVWXYZ", "δ": "123456789", "η": "0123456789abcdef"}
    return "".join(words[each]() if each in words else random.choice(characters.get(each, each)) for each in template)


def make_text(source: str, reference: str, random: Random) -> Text:
    """Put one to four spans of random kinds into a sentence, each at another place."""
    end = FINAL_PUNCTUATION.search(source).start()  # type: ignore[union-attr]
    phrases = [match.end() for match in NOUN_PHRASE.finditer(source)]
    names = [match for match in NAME_OR_NUMBER.finditer(source) if reference.count(match[0]) == 1]
    places = [("instead of a name or number", *match.span()) for match in names]
    places += [(place, at, at) for at in phrases for place in ("after a noun phrase", "in brackets")]
    places += [("before the final punctuation", end, end), ("at the start", 0, 0)]
    edits: dict[tuple[int, int], Span] = {}
    for kind in random.sample(list(TEMPLATES), random.choice([1, 2, 3, 4])):
        # Each sort of place is equally probable, however often it occurs in the sentence.
        order = random.sample(list(PLACES), len(PLACES))
        random.shuffle(places)
        for place, start, stop in sorted(places, key=lambda place: order.index(place[0])):
            if any(start <= other_stop and other_start <= stop for other_start, other_stop in edits):
                continue
            span = fill(random.choice(TEMPLATES[kind]), random)
            others = [other.text for other in edits.values()]
            if span not in source and span not in others:
                template = random.choice(PLACES[place])
                edits[start, stop] = Span(kind, place, STARTING.get(kind, template) if start == 0 else template, span)
                break
    return apply(source, reference, edits, random)


def apply(source: str, reference: str, edits: dict[tuple[int, int], Span], random: Random) -> Text:
    """Put spans, and nouns instead of them, into a sentence; remove names that they replace from the reference."""
    texts, done, nouns = ["", ""], 0, list[tuple[int, int]]()
    for ((start, stop), span), noun in zip(sorted(edits.items()), random.sample(NOUNS, len(edits)), strict=True):
        before, after = span.template.split("#")
        for n, inserted in enumerate((span.text, noun)):
            texts[n] += source[done:start]
            texts[n] += " " if start == stop > 0 and not before.startswith(":") else ""
            texts[n] += f"{before}{inserted}{after}"
        noun_stop = len(texts[1]) - len(after)
        nouns.append((noun_stop - len(noun), noun_stop))
        if start < stop:
            reference = reference.replace(source[start:stop], "")
        done = stop
    with_spans, with_nouns = (text + source[done:] for text in texts)
    return Text(with_spans, [edits[place] for place in sorted(edits)], with_nouns, nouns, reference)


def count_spans(translation: str, spans: Sequence[Span]) -> tuple[list[int], str]:
    """Return how often each span occurs in a translation, outside longer spans, and the rest of the translation."""
    counts = {}
    for span in sorted(spans, key=lambda span: -len(span.text)):
        before = r"(?<!\w)" if span.text[0].isalnum() else ""
        after = r"(?!\w)" if span.text[-1].isalnum() else ""
        translation, counts[span] = re.subn(before + re.escape(span.text) + after, " \0 ", translation)
    return [counts[span] for span in spans], tidy(translation)


def without_nouns(translation: Translation, nouns: Iterable[tuple[int, int]]) -> str:
    """Return a translation without the words that are aligned to nouns."""
    text = list(translation.text)
    for source_start, source_stop, start, stop in translation.alignment or ():
        if any(source_start < noun_stop and noun_start < source_stop for noun_start, noun_stop in nouns):
            text[start:stop] = "\0" * (stop - start)
    return tidy("".join(text))


def tidy(text: str) -> str:
    """Remove what stood for spans or nouns, with their brackets, and the space before punctuation."""
    text = re.sub(r"\(\s*\0[\s\0]*\)|\0", " ", text)
    return re.sub(r" +(?=[.,!?])", "", " ".join(text.split()))


def print_table(title: str, found: Counter[str], total: Counter[str]) -> None:
    """Print the share of spans that occur exactly once, by kind or place."""
    print(f"\n{title:<32} spans  exactly once")
    for name in sorted(total):
        print(f"{name:<32} {total[name]:5}  {found[name] / total[name]:.1%}")


def main() -> None:
    """Generate texts, translate them and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--source", type=Path, required=True, help="sentences in English")
    parser.add_argument("--target", type=Path, required=True, help="their translations")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="print N texts of which a span is lost")
    options = parser.parse_args()
    random = Random(options.seed)
    pairs = [(normalise(a), normalise(b)) for a, b in read_parallel_files(options.source, options.target)]
    sampled = random.choices(pairs, k=options.texts)
    texts = [make_text(*pair, random) for pair in sampled]
    translator = Translator.load(options.model)
    translations = translator.translate([text.with_spans for text in texts])
    comparison = translator.translate([text.with_nouns for text in texts])
    plain = [translation.text for translation in translator.translate([source for source, _ in sampled])]

    found, total, perfect = Counter[str](), Counter[str](), 0
    rests, noun_rests = [], []
    for text, translation, with_nouns in zip(texts, translations, comparison, strict=True):
        counts, rest = count_spans(translation.text, text.spans)
        rests.append(rest)
        noun_rests.append(without_nouns(with_nouns, text.nouns))
        for span, count in zip(text.spans, counts, strict=True):
            for name in (f"kind: {span.kind}", f"place: {span.place}"):
                total[name] += 1
                found[name] += count == 1
        perfect += all(count == 1 for count in counts)
        if any(count != 1 for count in counts) and options.failures > 0:
            options.failures -= 1
            print(f"{counts}\n  {text.with_spans}\n  {translation.text}")
    print_table("spans", found, total)
    chrf = sacrebleu_metrics(translator.target_language)["chrf"]
    references = [tidy(text.reference) for text in texts]
    with_spans, nouns, agreement = (
        chrf.corpus_score(hypotheses, [others]).score
        for hypotheses, others in ((rests, references), (noun_rests, references), (rests, noun_rests))
    )
    print(f"\ntexts with every span exactly once: {perfect / len(texts):.2%} of {len(texts)}")
    print(
        f"chrF of the rest: {with_spans:.1f} with spans, {nouns:.1f} with nouns, difference {with_spans - nouns:+.1f}"
    )
    print(f"chrF of the sentences without spans: {chrf.corpus_score(plain, [[b for _, b in sampled]]).score:.1f}")
    print(f"chrF of the rest with spans against the rest with nouns: {agreement:.1f}")


if __name__ == "__main__":
    main()
