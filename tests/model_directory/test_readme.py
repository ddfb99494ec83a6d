"""README.md of a model directory: scores, signatures, description and licence."""

from __future__ import annotations

from typing import Any

from nmt.config.schema import AboutConfig
from nmt.model_directory.card import ModelCard, ParentModel
from nmt.model_directory.readme import translator_readme

BLEU = {"score": 40.25, "signature": "nrefs:1|tok:13a"}
CHINESE_BLEU = {"score": 20.75, "signature": "nrefs:1|tok:zh"}
CHRF = {"score": 61.5, "signature": "nrefs:1|nc:6"}


def card(**fields: Any) -> ModelCard:
    sizes = {"source_vocabulary": 500, "target_vocabulary": 500, "longest_source": 50, "longest_ratio": 3.0}
    languages = {"source_language": "en", "target_language": "de"}
    return ModelCard.model_validate({**sizes, **languages, "model": {}, "search": {}, **fields})


def direction(source: str, target: str, **scores: Any) -> dict[str, Any]:
    limits = {"longest_source": 50, "longest_ratio": 3.0}
    return {"source": source, "target": target, **limits, "scores": {"dev": scores}}


def test_scores_of_a_set_are_in_one_row_and_signatures_below() -> None:
    readme = translator_readme(card(scores={"dev": {"bleu": BLEU, "chrf": CHRF}, "test": {"bleu": BLEU}}))
    assert "# en → de\n" in readme
    assert "| set | bleu | chrf |\n|---|---|---|\n| dev | 40.2 | 61.5 |\n| test | 40.2 |  |\n" in readme
    assert "\n- bleu of dev, test: `nrefs:1|tok:13a`\n- chrf of dev: `nrefs:1|nc:6`\n" in readme


def test_directions_with_other_tokenisers_have_signatures_of_their_own() -> None:
    directions = [
        direction("en", "de", bleu=BLEU),
        direction("en", "zh", bleu=CHINESE_BLEU),
        direction("zh", "en", bleu=BLEU),
    ]
    readme = translator_readme(card(languages=["en", "de", "zh"], directions=directions))
    assert "# en → de, en → zh, zh → en\n" in readme
    assert "| dev en-zh | 20.8 |" in readme
    assert "- bleu of dev en-de, dev zh-en: `nrefs:1|tok:13a`\n- bleu of dev en-zh: `nrefs:1|tok:zh`\n" in readme
    assert "--from CODE --to CODE" in readme


def test_a_model_without_scores_says_so() -> None:
    assert "Not scored." in translator_readme(card())


def test_description_and_licence_are_those_of_the_recipe() -> None:
    about = AboutConfig(title="chat", description="For chats.\n", licence="CC-BY 4.0", attribution="By example.org.\n")
    readme = translator_readme(card(about=about))
    assert readme.startswith("# chat\n\nFor chats.\n\nDirections: en → de.\n\nAn LSTM")
    assert readme.endswith("## Licence and training data\n\nLicence: CC-BY 4.0\n\nBy example.org.\n")
    assert "Licence" not in translator_readme(card(about=AboutConfig(title="chat")))


def test_the_licence_of_a_parent_model_is_kept() -> None:
    about = AboutConfig(licence="CC-BY 4.0", attribution="By example.org.\n", description="For chats.")
    readme = translator_readme(card(origins=[ParentModel(model="chat", sha256="0" * 64, about=about)]))
    parent = readme.partition("## Fine-tuned from")[2]
    assert "- licence: CC-BY 4.0\n- attribution: By example.org.\n" in parent
    assert "For chats." not in parent
