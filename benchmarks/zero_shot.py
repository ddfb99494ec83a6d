"""Zero-shot translation against translation through a pivot language, for pairs that a model was not trained on.

    python benchmarks/zero_shot.py MODEL de=corpora/tatoeba-en-de/dev ja=corpora/tatoeba-en-ja/dev
    python benchmarks/zero_shot.py MODEL de-fr=corpora/multi30k/val --write

``LANGUAGE=PREFIX`` names a corpus of the pivot language and another one, such as dev.en and dev.de; the pairs of two
such corpora with equal sentences in the pivot language, apart from case and punctuation, are joined. Of several
translations of a sentence, the first is taken. ``SOURCE-TARGET=PREFIX`` names a corpus of the pair itself. Take text
that is in no training set of the model in any of its languages.

Each pair is translated in both directions. The script prints the BLEU of both ways with their signatures, and which
share of the translations is identified as text in the target language: zero-shot translation may answer in another one.
``--write`` stores the scores in the model card, so that the model uses the better way from then on.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from nmt import Translator
from nmt.corpus.parallel_corpus import TextPair, read_parallel_files
from nmt.engine.factory import engine_factories
from nmt.evaluation.metrics import score_translations
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS
from nmt.inference.text_processor import TextProcessor
from nmt.inference.window_translator import StepTranslator, WindowTranslator
from nmt.model_directory.card import UntrainedDirectionCard
from nmt.model_directory.directory import ModelDirectory, read_model_directory, write_model_directory
from nmt.text.language_identification import LanguageDetector


class Way(NamedTuple):
    """Translations of one way, with their scores."""

    scores: dict[str, Any]
    in_target_language: float
    """Share of the translations that are identified as text in the target language."""


def read_pairs(prefix: str, source: str, target: str) -> list[TextPair]:
    """Return the pairs of a corpus of two files."""
    return list(read_parallel_files(Path(f"{prefix}.{source}"), Path(f"{prefix}.{target}")))


def fold(text: str) -> str:
    """Return a text without case, punctuation and spaces."""
    return "".join(character for character in text.casefold() if character.isalnum())


def join_through_pivot(corpora: Sequence[Sequence[TextPair]]) -> list[TextPair]:
    """Return the pairs of the second sides of two corpora whose first sides are equal."""
    first, second = ({fold(pivot): other for pivot, other in reversed(corpus)} for corpus in corpora)
    return [(first[key], second[key]) for key in reversed(first) if key in second]


def translate_directly(model: ModelDirectory, source: str, target: str, texts: Sequence[str], beam: int) -> list[str]:
    """Return translations in one step, whether the model was trained on the direction or not."""
    direction = model.card.find_direction(source, target)
    if direction is None:
        raise SystemExit(f"{source}→{target}: the model does not know both languages")
    options = replace(model.decoding_options, max_length_ratio=direction.longest_ratio, return_attention=False)
    decoder = BatchDecoder(engine_factories([model], "auto", 1, use_shortlist=True))
    processor = TextProcessor(model, direction)
    step = StepTranslator(processor, decoder, None, beam, options, DEFAULT_TEXT_OPTIONS)
    translator = WindowTranslator([step], DEFAULT_TEXT_OPTIONS)
    return [translation.text for translation in translator.translate(texts)]


def translate_in_two_steps(
    translator: Translator, route: tuple[str, str, str], texts: Sequence[str], beam: int
) -> list[str]:
    """Return translations through a pivot language."""
    for source, target in itertools.pairwise(route):
        found = translator.translate(list(texts), source=source, target=target, beam_size=beam)
        texts = [translation.text for translation in found]
    return list(texts)


def measure(translations: Sequence[str], references: Sequence[str], target: str, detector: LanguageDetector) -> Way:
    """Return the scores of translations."""
    in_target = sum(detector.detect(text).language == target for text in translations)
    return Way(score_translations(translations, references, target), in_target / len(translations))


def write_card(model: ModelDirectory, measured: Sequence[UntrainedDirectionCard]) -> None:
    """Store scores in the model card; those of other directions are kept."""
    names = {(each.source, each.target) for each in measured}
    kept = [each for each in model.card.untrained_directions if (each.source, each.target) not in names]
    card = model.card.model_copy(update={"untrained_directions": [*kept, *measured]})
    generated = {*model.tokenizer.to_files(), "README.md"}
    files = {name: (model.path / name).read_bytes() for name in model.card.files if name not in generated}
    write_model_directory(model.path, card, model.tokenizer, files)


def collect_test_sets(specs: Sequence[str], pivot: str) -> dict[tuple[str, str], list[TextPair]]:
    """Return the pairs of each direction, from the arguments of the command line."""
    of_pivot: dict[str, list[TextPair]] = {}
    found: dict[tuple[str, str], list[TextPair]] = {}
    for spec in specs:
        languages, separator, prefix = spec.partition("=")
        source, _, target = languages.partition("-")
        if not separator:
            raise SystemExit(f"{spec}: name a corpus as LANGUAGE=PREFIX or SOURCE-TARGET=PREFIX")
        if target:
            found[source, target] = read_pairs(prefix, source, target)
        else:
            of_pivot[source] = read_pairs(prefix, pivot, source)
    for first, second in itertools.combinations(of_pivot, 2):
        found.setdefault((first, second), join_through_pivot([of_pivot[first], of_pivot[second]]))
    reverse = {(b, a): [(target, source) for source, target in pairs] for (a, b), pairs in found.items()}
    return {direction: pairs for direction, pairs in (found | reverse).items() if pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("corpora", nargs="+", metavar="LANGUAGES=PREFIX")
    parser.add_argument("--pivot", default="en", metavar="CODE")
    parser.add_argument("--beam", type=int, help="beam size; by default that of the model")
    parser.add_argument("--min-pairs", type=int, default=100, help="leave out directions with fewer pairs (100)")
    parser.add_argument("--write", action="store_true", help="store the scores in the model card")
    options = parser.parse_args()
    model, translator = read_model_directory(options.model), Translator.load(options.model)
    beam, detector = options.beam or model.card.search.beam, LanguageDetector(model.card.languages)
    measured, signatures = list[UntrainedDirectionCard](), dict[str, None]()
    print("| direction | pairs | zero-shot BLEU | in the target language | pivot BLEU | in the target language |")
    print("|---|---|---|---|---|---|")
    for (source, target), pairs in collect_test_sets(options.corpora, options.pivot).items():
        if (source, target) in translator.directions:
            continue
        if len(pairs) < options.min_pairs:
            print(f"| {source}→{target} | {len(pairs):,} | | | | |")
            continue
        sources, references = ([pair[side] for pair in pairs] for side in (0, 1))
        route = source, options.pivot, target
        zero_shot, pivot = (
            measure(translations, references, target, detector)
            for translations in (
                translate_directly(model, source, target, sources, beam),
                translate_in_two_steps(translator, route, sources, beam),
            )
        )
        measured.append(
            UntrainedDirectionCard(
                source=source, target=target, zero_shot={"dev": zero_shot.scores}, pivot={"dev": pivot.scores}
            )
        )
        cells = [
            f"{way.scores['bleu']['score']:.1f} ± {way.scores['bleu']['ci']:.1f} | {way.in_target_language:.1%}"
            for way in (zero_shot, pivot)
        ]
        signatures[zero_shot.scores["bleu"]["signature"]] = None
        print(f"| {source}→{target} | {len(pairs):,} | {' | '.join(cells)} |", flush=True)
    print(f"\nBeam size {beam}; ± is the half-width of the 95% confidence interval; signatures:")
    print("\n".join(signatures))
    if options.write:
        write_card(model, measured)
        print(json.dumps({f"{each.source}-{each.target}": each.prefers_zero_shot for each in measured}))


if __name__ == "__main__":
    main()
