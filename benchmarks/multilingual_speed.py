"""Translation speed and size of a multilingual model against those of a bilingual one of the same shape.

    python benchmarks/multilingual_speed.py MODEL --from en --to de --train train --source dev.en --target dev.de
    python benchmarks/multilingual_speed.py MODEL --from en --to de --bilingual OTHER --source dev.en --target dev.de

MODEL is a multilingual model, in int8 and with a shortlist as it is served. In the first form, the bilingual model has
the network settings and the vocabulary size of MODEL and random weights; its tokenizer and its shortlist are learned
from the files train.en and train.de. In the second form it is OTHER, for example a trained one.

Both models translate the same sentences on one thread, from text to text, and take turns. A network with random weights
does not learn when to stop, so every translation gets exactly as many tokens as the reference has in the model's own
vocabulary. CPU time is measured, so that other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nmt import Translator
from nmt.engine.factory import load_shortlist
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS
from nmt.inference.text_processor import TextProcessor
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise


class System:
    """A model that translates one direction, with the lengths of the references in its own tokens."""

    def __init__(self, path: Path, source: str, target: str, beam: int) -> None:
        self.directory = read_model_directory(path)
        self._translator = Translator.load(path)
        self._source, self._target, self._beam = source, target, beam

    def group_by_length(self, sources: Sequence[str], references: Sequence[str]) -> dict[int, list[str]]:
        """Return the sources by number of tokens of the reference."""
        groups = defaultdict[int, list[str]](list)
        ids = self.directory.tokenizer.target.encode_batch([normalise(text) for text in references])
        for source, reference in zip(sources, ids, strict=True):
            groups[len(reference)].append(source)
        return groups

    def translate(self, groups: dict[int, list[str]]) -> float:
        """Translate all sentences to the lengths of their references; return the CPU time in seconds."""
        start = time.process_time()
        for length, texts in groups.items():
            options = replace(
                self._translator.decoding_options,
                return_attention=False,
                max_length_ratio=0.0,
                max_length_extra=length + 1,
                min_length_ratio=1e6,
                retry_repetition=False,  # forced lengths and random weights cause repetition
            )
            languages = {"source": self._source, "target": self._target}
            self._translator.translate(texts, **languages, beam_size=self._beam, options=options)
        return time.process_time() - start

    def describe(self, texts: Sequence[str]) -> dict[str, float]:
        """Return sizes of the model, and numbers of tokens per sentence."""
        model = self.directory
        direction = model.card.find_direction(self._source, self._target)
        assert direction is not None
        processor, shortlist = TextProcessor(model, direction), load_shortlist(model)
        sources = [
            chunk.tokenized.ids for text in texts for chunk in processor.prepare(text, DEFAULT_TEXT_OPTIONS).chunks
        ]
        listed = [len(shortlist.target_ids_for_sentence(ids)) for ids in sources] if shortlist else [0]
        return {
            "megabytes": sum(each.stat().st_size for each in model.path.rglob("*") if each.is_file()) / 1e6,
            "shortlist megabytes": model.shortlist.stat().st_size / 1e6 if model.shortlist else 0.0,
            "vocabulary": model.card.target_vocabulary,
            "shortlist pieces": statistics.fmean(listed),
            "source pieces": statistics.fmean(map(len, sources)),
        }


def build_bilingual(model: ModelDirectory, source: str, target: str, train: Path, folder: Path) -> Path:
    """Write a bilingual model of the same shape with random weights, in int8; return its model directory."""
    sections = model.card.training["recipe"]
    network = {name: value for name, value in sections["model"].items() if value is not None}
    guided = {"guided_alignment": 0.1} if network.pop("alignment_head", False) else {}
    training = dict.fromkeys(("max_updates", "validate_every", "checkpoint_every"), 1) | {"batch_tokens": 4096}
    recipe = {
        "data": {"source": source, "target": target, "train": [str(train.resolve())]},
        "tokenizer": sections["tokenizer"],
        "model": network,
        "training": training | guided,
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    nmt = [sys.executable, "-m", "nmt"]
    for command in (
        ["train", folder / "recipe.yaml", "--out", folder / "run"],
        ["export", folder / "run", folder / "int8", "--quantize", "int8", "--shortlist"],
    ):
        subprocess.run([*nmt, *command], check=True, capture_output=True)
    return folder / "int8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--from", dest="source_language", required=True, metavar="CODE")
    parser.add_argument("--to", dest="target_language", required=True, metavar="CODE")
    other = parser.add_mutually_exclusive_group(required=True)
    other.add_argument("--train", type=Path, metavar="PREFIX")
    other.add_argument("--bilingual", type=Path, metavar="MODEL")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    languages = options.source_language, options.target_language
    model = read_model_directory(options.model)
    sources, references = (
        path.read_text(encoding="utf-8").split("\n")[: options.sentences] for path in (options.source, options.target)
    )
    with tempfile.TemporaryDirectory() as folder:
        bilingual = options.bilingual or build_bilingual(model, *languages, options.train, Path(folder))
        systems = {
            name: System(path, *languages, options.beam)
            for name, path in (("multilingual", options.model), ("bilingual", bilingual))
        }
        groups = {name: system.group_by_length(sources, references) for name, system in systems.items()}
        seconds = defaultdict[str, list[float]](list)
        for turn in range(options.rounds + 1):
            for name, system in systems.items():
                elapsed = system.translate(groups[name])
                if turn:  # the first round warms up
                    seconds[name].append(elapsed)
        found = {name: system.describe(sources) for name, system in systems.items()}
    for name, values in found.items():
        values["sentences per CPU second"] = len(sources) / statistics.median(seconds[name])
    print("| | " + " | ".join(found) + " | ratio |\n|---|---|---|---|")
    for key in found["multilingual"]:
        first, second = (found[name][key] for name in found)
        print(f"| {key} | {first:,.1f} | {second:,.1f} | {first / second if second else 0:.2f} |")


if __name__ == "__main__":
    main()
