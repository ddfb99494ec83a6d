"""``nmt train`` and ``nmt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nmt.cli.options import ModelArgument, requires_extra
from nmt.utils.errors import UsageError


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Recipe, such as configs/demo.yaml.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Recipe keys to override, such as training.seed=2."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; by default runs/ and the recipe's name.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the run in the run directory; by default that is an error.")
    ] = False,
    parent: Annotated[
        Path | None,
        typer.Option(
            "--finetune",
            metavar="MODEL",
            help="Model to fine-tune: start from its weights and use its tokenizer; none by default.",
        ),
    ] = None,
    parent_alias: Annotated[Path | None, typer.Option("--from", hidden=True, help="Former name of --finetune.")] = None,
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
        raise UsageError(
            "--finetune: language models can't be fine-tuned; name the model's tokenizer as tokenizer.model"
        )
    result = session.train(recipe, out or Path("runs") / config.stem, resume, directory)
    for name, metrics in result.scores.items():
        for metric, value in metrics.items():
            details = _exact_match_details(value) if metric == "exact" else ""
            if "ci" in value:
                details = f" ± {value['ci']:.2f}"
            typer.echo(f"{name}: {metric} {value['score']:.2f}{details}   {value['signature']}")
    if result.finished and result.model:
        typer.echo(f"Model: {result.model}")


def export(
    model: ModelArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Model directory to write.")],
    quantize: Annotated[Literal["fp32", "int8"], typer.Option(help="Precision of the weights.")] = "fp32",
    shortlist: Annotated[
        bool, typer.Option("--shortlist", help="Include the shortlist, which makes decoding faster.")
    ] = False,
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
    """Return what a synthetic task's exact match consists of."""
    unseen = exact["new"]
    details = "all questions were in training"
    if unseen["questions"]:
        details = f"{unseen['score']:.2f} of {unseen['questions']:,} questions that were not in training"
    return f" ({details}), all right to length {exact['right_to']}"
