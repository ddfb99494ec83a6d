"""The commands ``nmt train`` and ``nmt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from nmt.cli.options import ModelArgument, requires_extra
from nmt.utils.errors import UsageError


def train(
    config: Annotated[Path, Argument(metavar="CONFIG", help="Recipe, such as configs/demo.yaml.")],
    overrides: Annotated[
        list[str] | None, Argument(metavar="KEY=VALUE", help="Recipe keys to override, such as training.seed=2.")
    ] = None,
    out: Annotated[Path | None, Option(help="Run directory; by default runs/ and the recipe's name.")] = None,
    resume: Annotated[bool, Option("--resume", help="Resume the run in the run directory.")] = False,
    parent: Annotated[
        Path | None, Option("--finetune", metavar="MODEL", help="Model to fine-tune, whose tokenizer is kept.")
    ] = None,
    parent_alias: Annotated[Path | None, Option("--from", hidden=True, help="Former name of --finetune.")] = None,
) -> None:
    """Train a translator or a language model from a recipe."""
    from nmt.config.loading import load_recipe
    from nmt.config.schema import LanguageModelRecipe
    from nmt.model_directory.directory import read_model_directory

    with requires_extra("train", "nmt train"):
        from nmt.training import finetuning, session
    parent = parent or parent_alias
    directory = read_model_directory(parent) if parent else None
    defaults = {"tokenizer": finetuning.parent_tokenizer_config(directory).model_dump()} if directory else None
    recipe = load_recipe(config, overrides or [], defaults)
    if parent and isinstance(recipe, LanguageModelRecipe):
        raise UsageError("--finetune: language models can't be fine-tuned; name the model as tokenizer.model instead")
    result = session.train(recipe, out or Path("runs") / config.stem, resume, directory)
    for name, metrics in result.scores.items():
        for metric, value in metrics.items():
            details = f" ± {value['ci']:.2f}" if "ci" in value else ""
            details = _exact_match_details(value) if metric == "exact" else details
            typer.echo(f"{name}: {metric} {value['score']:.2f}{details}   {value['signature']}")
    if result.finished and result.model:
        typer.echo(f"Model: {result.model}")


def export(
    model: ModelArgument,
    out: Annotated[Path, Argument(metavar="OUT", help="Model directory to write.")],
    quantize: Annotated[Literal["fp32", "int8"], Option(help="Precision of the weights.")] = "fp32",
    shortlist: Annotated[bool, Option("--shortlist", help="Include the shortlist, for faster decoding.")] = False,
) -> None:
    """Write a model directory for serving, without the files that only training needs."""
    from nmt.model_directory.directory import check_replaceable, read_model_directory

    with requires_extra("train", "nmt export"):
        from nmt.engine.onnx.export import export_model
    directory = read_model_directory(model)
    check_replaceable(out)
    export_model(directory, out, quantize, shortlist)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    typer.echo(f"Model: {out} ({round(size / 1e6, 1)} MB)")


def _exact_match_details(exact: dict[str, Any]) -> str:
    """Return the result on unseen questions, and the length to which all answers are right, as text."""
    unseen = exact["new"]
    details = "all questions were in training"
    if unseen["questions"]:
        details = f"{unseen['score']:.2f} of {unseen['questions']:,} questions that were not in training"
    return f" ({details}), all right to length {exact['right_to']}"
