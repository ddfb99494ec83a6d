"""Templates for the README.md of a model directory."""

from __future__ import annotations

from typing import Any

from nmt.config.schema import AboutConfig
from nmt.model_directory.card import LanguageModelCard, ModelCard, ParentModel, training_facts


def translator_readme(card: ModelCard) -> str:
    """Return the README of a translator: network, scores, training, usage, and the models it was fine-tuned from."""
    about = card.about or AboutConfig()
    directions = ", ".join(f"{each.source} → {each.target}" for each in card.trained_directions)
    network = f"An LSTM translation model made with Carousel.\nNetwork: {card.model.summary}."
    paragraphs = [about.description, f"Directions: {directions}." if about.title else None, network]
    usage = 'Use it: `echo "…" | nmt translate .` in this folder, or `nmt serve .`.'
    if card.is_multilingual:
        usage = usage.replace("translate .", "translate . --from CODE --to CODE")
    summary = "\n\n".join(each.strip() for each in paragraphs if each)
    readme = _readme(about.title or directions, summary, card.scores_by_set, card.training, usage)
    return readme + _licence_section(about) + "".join(map(_parent_section, card.origins))


def language_model_readme(card: LanguageModelCard) -> str:
    """Return the README of a language model: network, scores, training and usage."""
    model = card.model
    network = f"{model.design} design, {model.decoder_layers} × {model.cell}, width {model.width}"
    summary = f"A language model made with Carousel.\nNetwork: {network}."
    usage = 'Use it: `nmt generate . --prompt "…"` in this folder, or `nmt translate … --lm .`.'
    return _readme(f"Text in {card.language}", summary, card.scores, card.training, usage)


def _readme(title: str, summary: str, scores: dict[str, Any], training: dict[str, Any], usage: str) -> str:
    facts = [f"- {fact}" for fact in training_facts(training)]
    return "\n".join([f"# {title}", "", summary, "", *_score_tables(scores), "", *facts, "", usage, ""])


def _score_tables(scores: dict[str, Any]) -> list[str]:
    """Return a table of scores by set and metric, and a list of their signatures with the sets that each applies to."""
    rows: dict[str, dict[str, float]] = {}
    signatures: dict[tuple[str, str], list[str]] = {}
    for name, metrics in scores.items():
        for metric, value in metrics.items():
            if isinstance(value, dict) and "signature" in value:
                rows.setdefault(name, {})[metric] = value["score"]
                signatures.setdefault((metric, value["signature"]), []).append(name)
    if not rows:
        return ["Not scored."]
    columns = list(dict.fromkeys(metric for metric, _ in signatures))
    table = [f"| set | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        table.append(f"| {name} | {' | '.join(f'{row[each]:.1f}' if each in row else '' for each in columns)} |")
    return [*table, "", *[f"- {metric} of {', '.join(sets)}: `{sign}`" for (metric, sign), sets in signatures.items()]]


def _licence_section(about: AboutConfig) -> str:
    """Return a section with licence and training data; nothing if neither is known."""
    licence = f"Licence: {about.licence}" if about.licence else None
    paragraphs = [each.strip() for each in (licence, about.attribution) if each]
    return "\n## Licence and training data\n\n" + "\n\n".join(paragraphs) + "\n" if paragraphs else ""


def _parent_section(parent: ParentModel) -> str:
    summary = f"`{parent.model}`, weights with SHA-256 `{parent.sha256}`:"
    facts = [f"- {fact}" for fact in parent.training_facts]
    if parent.about:
        facts += [f"- {name}: {text.strip()}" for name, text in parent.about if text and name != "description"]
    return "\n".join(["", "## Fine-tuned from", "", summary, "", *facts, ""])
