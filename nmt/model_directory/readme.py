"""Templates for the README.md of a model directory."""

from __future__ import annotations

from nmt.model_directory.card import LanguageModelCard, ModelCard, ParentModel, training_facts


def translator_readme(card: ModelCard) -> str:
    """Return the README of a translator: network, scores, training, usage, and the models it was fine-tuned from."""
    title = f"{card.source_language} → {card.target_language}"
    if card.is_multilingual:
        title = ", ".join(f"{each.source} → {each.target}" for each in card.directions)
    summary = f"An LSTM translation model made with Carousel.\nNetwork: {card.model.summary}."
    usage = 'Use it: `echo "…" | nmt translate .` in this folder, or `nmt serve .`.'
    return _readme(title, summary, card, usage) + "".join(map(_parent_section, card.origins))


def language_model_readme(card: LanguageModelCard) -> str:
    """Return the README of a language model: network, scores, training and usage."""
    model = card.model
    network = f"{model.design} design, {model.decoder_layers} × {model.cell}, width {model.width}"
    summary = f"A language model made with Carousel.\nNetwork: {network}."
    usage = 'Use it: `nmt generate . --prompt "…"` in this folder, or `nmt translate … --lm .`.'
    return _readme(f"Text in {card.language}", summary, card, usage)


def _readme(title: str, summary: str, card: ModelCard | LanguageModelCard, usage: str) -> str:
    scores = [
        f"| {name} | {metric} | {value['score']:.1f} | `{_escape_cell(value['signature'])}` |"
        for name, metrics in (card.scores_by_set if isinstance(card, ModelCard) else card.scores).items()
        for metric, value in metrics.items()
        if isinstance(value, dict) and "signature" in value
    ]
    table = ["| set | metric | score | signature |", "|---|---|---|---|", *scores] if scores else ["Not scored."]
    facts = [f"- {fact}" for fact in training_facts(card.training)]
    return "\n".join([f"# {title}", "", summary, "", *table, "", *facts, "", usage, ""])


def _escape_cell(text: str) -> str:
    return text.replace("|", r"\|")


def _parent_section(parent: ParentModel) -> str:
    summary = f"`{parent.model}`, weights with SHA-256 `{parent.sha256}`:"
    return "\n".join(["", "## Fine-tuned from", "", summary, "", *[f"- {fact}" for fact in parent.training_facts], ""])
