"""The configuration of a run: typed, documented, refused when wrong.

A recipe is one YAML file in five sections. `load` reads it, applies ``KEY=VALUE`` overrides and checks every
key; each complaint is one line that names file, line and field.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.utils.errors import UsageError


def _not_yaml_no(code: Any) -> Any:
    if code is False:
        raise ValueError("must be quoted: YAML takes a bare no for false")
    return code


TaskName = Literal["counting", "selective-counting", "remembering", "copying", "reversing", "addition"]
"""The synthetic tasks of `nmt.corpus.synthetic_tasks`."""
LanguageCode = Annotated[str, BeforeValidator(_not_yaml_no), Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Positive = Annotated[int, Field(gt=0)]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HubDataset(Section):
    """Anything that `datasets.load_dataset` loads: a hub name, or 'csv', 'parquet', 'json' with files."""

    dataset: str
    split: str = "train"
    name: str | None = None
    """The configuration of the data set, `load_dataset`'s second argument."""
    revision: str | None = None
    """A commit, tag or branch of the hub; the newest. A commit is what makes a run repeatable."""
    data_files: str | list[str] | None = None
    """Local files, relative to the recipe."""
    streaming: bool = False
    """Read the rows as they arrive, without a copy on the disk: for what is larger than that."""


class FilePair(Section):
    """Two plain files by their names, such as a training source and a teacher's translation of it."""

    source: str
    target: str


class TaskCorpus(Section):
    """A classic task of the laboratory (see `nmt.corpus.synthetic_tasks`), made instead of read."""

    task: TaskName
    pairs: Positive
    shortest: Positive = 1
    """Length of the shortest question; what that counts depends on the task."""
    longest: Positive
    seed: Annotated[int, Field(ge=0)] = 1
    """Equal seeds make equal pairs."""

    @model_validator(mode="after")
    def _consistent(self) -> TaskCorpus:
        if self.shortest > self.longest:
            raise ValueError(f"shortest must be at most longest, {self.longest}")
        if self.pairs <= self.longest - self.shortest:
            least = self.longest - self.shortest + 1
            raise ValueError(f"pairs must be at least {least}: one of each length from shortest to longest")
        return self


def _form(spec: Any) -> str:
    """Which form of corpus somebody meant, so that a mistake is explained in its terms."""
    if isinstance(spec, Section):
        return type(spec).__name__
    if not isinstance(spec, dict):
        return "Text"
    if "task" in spec:
        return "TaskCorpus"
    if "corpus" in spec:
        return "MixedCorpus"
    return "FilePair" if {"source", "target"} & spec.keys() else "HubDataset"


CorpusSpec = Annotated[
    Annotated[str, Tag("Text")]
    | Annotated[FilePair, Tag("FilePair")]
    | Annotated[HubDataset, Tag("HubDataset")]
    | Annotated[TaskCorpus, Tag("TaskCorpus")],
    Discriminator(_form),
]
"""A prefix of two plain files, a ``.tsv`` or ``.jsonl`` file, two files by name, a data set, or a classic task."""


class MixedCorpus(Section):
    """A training corpus among others."""

    corpus: CorpusSpec
    weight: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    """How often an epoch sees each of its pairs; 0.1 is a tenth of the pairs, another one in each epoch."""
    tag: Annotated[int, Field(ge=0, lt=16)] | None = None
    """A reserved piece <tag:N> that begins each source sentence: marks back-translations (Caswell et al. 2019)."""


TrainingCorpus = Annotated[
    Annotated[str, Tag("Text")]
    | Annotated[FilePair, Tag("FilePair")]
    | Annotated[HubDataset, Tag("HubDataset")]
    | Annotated[TaskCorpus, Tag("TaskCorpus")]
    | Annotated[MixedCorpus, Tag("MixedCorpus")],
    Discriminator(_form),
]


class FilterConfig(Section):
    """Which training pairs are dropped. Dev, test and classic tasks are never filtered."""

    first_pairs: Positive | None = None
    """Of each corpus only so many pairs, from its beginning: for experiments."""
    max_characters: Positive = 1000
    """Longest side, in characters."""
    max_pieces: Positive = 250
    """Longest side, in SentencePiece pieces."""
    max_ratio: Annotated[float, Field(gt=1)] = 4.0
    """Longer side over shorter side, in UTF-8 bytes, which compare better than characters across scripts."""
    duplicates: bool = True
    """Drop pairs seen before."""
    copies: bool = True
    """Drop pairs whose two sides are the same text."""


class DataConfig(Section):
    """Where the parallel text lies."""

    source: LanguageCode
    target: LanguageCode
    train: Annotated[list[TrainingCorpus], Field(min_length=1)]
    dev: CorpusSpec | None = None
    test: CorpusSpec | None = None
    filter: FilterConfig = FilterConfig()

    @property
    def mixture(self) -> list[MixedCorpus]:
        """The training corpora, each with its weight and tag."""
        return [spec if isinstance(spec, MixedCorpus) else MixedCorpus(corpus=spec) for spec in self.train]


class TokenizerConfig(Section):
    """SentencePiece, trained on the training text alone."""

    kind: Literal["bpe", "unigram", "char"] = "bpe"
    vocab_size: Positive
    """Pieces in all, the reserved ones and the 256 of the byte fallback included."""
    shared: bool = True
    """One vocabulary for both languages, or one each."""
    byte_fallback: bool = True
    """Spell an unknown character in bytes, so that nothing is unknown."""


class ModelConfig(Section):
    """The network."""

    cell: CellName = "lstm"
    """Of encoder and decoder: see `nmt.model.cells.families`."""
    forget_bias: Annotated[float, Field(ge=-10, le=10)] = 1.0
    """Of forget gates before training: open ones let gradients reach far from the first update on (Jozefowicz et al.
    2015)."""
    design: Literal["blocks", "classic"] = "blocks"
    """What a layer is: an LSTM and a feed-forward layer, each with layer norm and a residual connection, and in the
    decoder an attention between them; or an LSTM alone, with one attention above the decoder's last."""
    width: Positive = 512
    """D: of embeddings, recurrent layers and attention."""
    feed_forward: Positive | None = None
    """Inner width of the feed-forward layers; twice the width when absent."""
    encoder_layers: Positive = 2
    decoder_layers: Positive = 2
    bidirectional_layers: Annotated[int, Field(ge=0)] | None = None
    """How many of the encoder's layers, from below, read both ways; all when absent."""
    residual: bool = False
    """In the classic design: each LSTM above the first adds its input to its output (Wu et al. 2016)."""
    attention: Literal["none", "dot", "additive", "multihead"] = "multihead"
    heads: Positive = 8
    """Of multi-head attention."""
    input_feeding: bool = False
    """The classic decoder (Luong et al. 2015): each step reads the attentional vector of the one before."""
    reverse_source: bool = False
    """Read the source backwards (Sutskever et al. 2014)."""
    tie_embeddings: bool = True
    """Source, target and output embeddings share one table where the vocabularies allow it."""
    dropout: Probability = 0.3
    locked_dropout: bool = False
    """One dropout mask a sentence instead of one a place, before and after recurrent layers (Gal & Ghahramani 2016)."""
    word_dropout: Probability = 0.0
    """Share of pieces, source and target, whose embedding is dropped whole (Sennrich et al. 2016)."""
    weight_drop: Probability = 0.0
    """Share of the recurrent weights that a training step leaves out (Merity et al. 2018)."""
    alignment_head: bool = False
    """Head 0 of the last attention alone shows where a token comes from; `training.guided_alignment` sees to it."""

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        if self.width % 2:
            raise ValueError("width must be even: each direction of the encoder has half of it")
        if self.attention == "multihead" and self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        if (self.bidirectional_layers or 0) > self.encoder_layers:
            raise ValueError(f"bidirectional_layers must be at most encoder_layers, {self.encoder_layers}")
        if self.feed_forward and self.design == "classic":
            raise ValueError("feed_forward is for blocks: the classic design has no feed-forward layers")
        if self.residual and self.design == "blocks":
            raise ValueError("residual is for the classic design: blocks have residual connections anyway")
        if self.weight_drop and self.input_feeding:
            raise ValueError("weight_drop leaves weights out of whole passes: it can't go with input_feeding")
        if self.attention == "none" and self.input_feeding:
            raise ValueError("input_feeding feeds the attentional vector: it needs an attention other than none")
        if self.attention == "none" and self.alignment_head:
            raise ValueError("alignment_head is a head of the attention: it needs an attention other than none")
        return self

    @model_validator(mode="after")
    def _cell_fits(self) -> ModelConfig:
        name, cell, both_ways = self.cell, CELL_TRAITS[self.cell], self.reads_both_ways(0)
        if self.forget_bias != 1.0 and not cell.forget_gate:
            raise ValueError(f"forget_bias is of forget gates: cell {name} has none")
        if self.weight_drop and not cell.recurrent_matrix:
            raise ValueError(f"weight_drop thins recurrent matrices: cell {name} has none")
        if self.width % (cell.width_divisor * (1 + both_ways)):
            raise ValueError(
                f"width {self.width} must be a multiple of {cell.width_divisor * (1 + both_ways)} for cell {name}"
            )
        if cell.stacked and self.design == "blocks":
            raise ValueError(f"cell {name} couples the layers of a stack step by step: it needs design classic")
        if cell.stacked and both_ways and not self.reads_both_ways(self.encoder_layers - 1):
            raise ValueError(
                f"cell {name} couples the layers of a stack: bidirectional_layers must be 0 or {self.encoder_layers}"
            )
        return self

    @property
    def has_blocks(self) -> bool:
        """Whether the decoder is made of blocks: input feeding goes with the classic one."""
        return self.design == "blocks" and not self.input_feeding

    def reads_both_ways(self, layer: int) -> bool:
        """Whether a layer of the encoder is bidirectional."""
        return self.bidirectional_layers is None or layer < self.bidirectional_layers

    @property
    def states_passed_on(self) -> list[int]:
        """For each decoder layer, the encoder layer whose last state it begins with.

        A deeper decoder repeats the encoder's top. Of a deeper encoder, without attention, it is the top layers:
        nothing else would be heard of them.
        """
        above = max(self.encoder_layers - self.decoder_layers, 0) if self.attention == "none" else 0
        return [min(above + layer, self.encoder_layers - 1) for layer in range(self.decoder_layers)]

    @property
    def summary(self) -> str:
        """The network in words."""
        both_ways = sum(map(self.reads_both_ways, range(self.encoder_layers)))
        one_way = self.encoder_layers - both_ways
        encoder = [f"{n} × {kind}{self.cell}" for n, kind in ((both_ways, "bidirectional "), (one_way, "")) if n]
        return (
            f"{self.design} design, encoder {' and '.join(encoder)}, decoder {self.decoder_layers} × "
            f"{self.cell}, width {self.width}, attention {self.attention}"
        )

    @property
    def feed_forward_width(self) -> int:
        """Inner width of the feed-forward layers."""
        return self.feed_forward or 2 * self.width


class TrainingConfig(Section):
    """How the network is trained."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    max_updates: Positive
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Stop after this time, whatever the schedule says."""
    batch_tokens: Positive
    """A batch's sentences times its longest side in pieces, padding counted."""
    accumulate: Positive = 1
    """Batches whose gradients make one update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    warmup: Annotated[int, Field(ge=0)] = 400
    """Updates of linear growth from zero."""
    schedule: Literal["cosine", "inverse_sqrt", "constant"] = "cosine"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    label_smoothing: Probability = 0.1
    r_drop: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the mean divergence of two passes with other dropout beside the mean of their losses, half the alpha of
    Liang et al. 2021; twice the work; 0 is off."""
    subword_sampling: Probability = 0.0
    """How much the segmentation of the training text varies: the share of merges that are left out of BPE (Provilkov et
    al. 2020), the exponent of a unigram model's probabilities (Kudo 2018); 0 is off."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    ema: Probability = 0.999
    """Decay of the moving average of the weights, which is what is validated and shipped; 0 turns it off."""
    average_best: Annotated[int, Field(ge=1, le=50)] = 1
    """Ship the mean of so many validated weights, the best ones by the dev score (Junczys-Dowmunt et al. 2016)."""
    guided_alignment: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the loss that teaches the alignment head what an aligner finds in the training text; 0 turns it off."""
    validate_every: Positive
    checkpoint_every: Positive
    patience: Positive | None = None
    """Stop after so many validations without a better dev score."""
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", device):
            raise ValueError("must be auto, cpu, cuda or cuda:N")
        return device


class SearchConfig(Section):
    """How the trained model searches, unless a command says otherwise."""

    beam: Annotated[int, Field(gt=0, le=64)] = 5
    length_penalty: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Exponent alpha of the length penalty of GNMT (Wu et al. 2016, equation 14)."""
    coverage_penalty: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Weight beta of the coverage penalty there: what the attention never looked at makes a translation worse."""
    guards: bool = True
    """Split a text that is longer than those of training, and search again what loops; off where length and repetition
    are the very task."""


class TextData(Section):
    """Where a language model's text lies: plain files, a sentence or a line a line."""

    language: LanguageCode
    train: Annotated[list[str], Field(min_length=1)]
    dev: str | None = None
    test: str | None = None


class ModelTokenizer(Section):
    """The tokenizer of a trained model, which fusion needs: that of its target language."""

    model: str
    """A model directory or a run directory."""


def _tokenizer_form(spec: Any) -> str:
    """Which form of tokenizer somebody meant."""
    if isinstance(spec, dict):
        return "ModelTokenizer" if "model" in spec else "TokenizerConfig"
    return type(spec).__name__ if isinstance(spec, Section) else "TokenizerConfig"


class LanguageModelTraining(TrainingConfig):
    """How a language model is trained."""

    label_smoothing: Probability = 0.0
    unroll: Positive | None = None
    """Truncated back-propagation through time (Williams & Peng 1990): the text is read in parallel streams, so many
    pieces at a time; states are carried on, gradients are not. None learns each line by itself and whole."""

    @model_validator(mode="after")
    def _of_text_alone(self) -> LanguageModelTraining:
        for name in ("r_drop", "subword_sampling", "guided_alignment"):
            if getattr(self, name):
                raise ValueError(f"{name} is for translators: leave it out")
        if self.unroll and self.unroll > self.batch_tokens:
            raise ValueError(f"unroll must be at most batch_tokens, {self.batch_tokens}: a batch holds whole windows")
        return self


class LanguageModelRecipe(Section):
    """A whole recipe of a language model: the decoder alone."""

    data: TextData
    tokenizer: Annotated[
        Annotated[TokenizerConfig, Tag("TokenizerConfig")] | Annotated[ModelTokenizer, Tag("ModelTokenizer")],
        Discriminator(_tokenizer_form),
    ]
    model: ModelConfig = ModelConfig(attention="none")
    training: LanguageModelTraining

    @field_validator("model", mode="before")
    @classmethod
    def _is_a_decoder(cls, model: Any) -> Any:
        if not isinstance(model, dict):
            return model
        for name in ("encoder_layers", "bidirectional_layers", "heads", "input_feeding", "reverse_source",
                     "alignment_head"):  # fmt: skip
            if model.get(name) not in (None, ModelConfig.model_fields[name].default):
                raise ValueError(f"{name} is of a translator: a language model is a decoder alone; leave it out")
        if model.get("attention", "none") != "none":
            raise ValueError("a language model has nothing to attend to: leave attention out")
        return {**model, "attention": "none"}


class Config(Section):
    """A whole recipe."""

    data: DataConfig
    tokenizer: TokenizerConfig
    model: ModelConfig = ModelConfig()
    training: TrainingConfig
    search: SearchConfig = SearchConfig()

    @model_validator(mode="after")
    def _methods_go_together(self) -> Config:
        if self.training.guided_alignment and self.training.subword_sampling:
            raise ValueError("guided_alignment links fixed pieces: it can't go with subword_sampling")
        if self.training.r_drop and not (self.model.dropout or self.model.word_dropout):
            raise ValueError("r_drop compares passes with other dropout: it needs model.dropout or word_dropout")
        if self.training.subword_sampling and self.tokenizer.kind == "char":
            raise ValueError("subword_sampling varies how words are cut: it needs tokenizer.kind bpe or unigram")
        return self

    @model_validator(mode="after")
    def _covered_source_is_attended_to(self) -> Config:
        if self.search.coverage_penalty and self.model.attention == "none":
            raise ValueError("coverage_penalty counts what the attention saw: it needs an attention other than none")
        return self

    @model_validator(mode="after")
    def _guided_model_has_an_alignment_head(self) -> Config:
        if not self.training.guided_alignment or self.model.alignment_head:
            return self
        if self.model.attention == "none":
            raise ValueError("guided_alignment teaches a head of the attention: it needs an attention other than none")
        return self.model_copy(update={"model": self.model.model_copy(update={"alignment_head": True})})


Recipe = TypeVar("Recipe", bound=Section)


def load(path: Path, overrides: Iterable[str] = (), defaults: Mapping[str, Any] | None = None) -> Config:
    """Read a translator's recipe and apply ``section.key=value`` overrides.

    ``defaults`` are sections for a recipe that lacks them. Paths in the file are relative to the file, paths in an
    override to the working directory.
    Raises UsageError with one line that names file, line and field.
    """
    return _Draft(path, overrides, defaults or {}).checked(Config)


def load_any(
    path: Path, overrides: Iterable[str] = (), defaults: Mapping[str, Any] | None = None
) -> Config | LanguageModelRecipe:
    """As `load`, whatever the recipe makes: with ``data.language`` it is a language model."""
    draft = _Draft(path, overrides, defaults or {})
    return draft.checked(LanguageModelRecipe) if draft.is_of_text else draft.checked(Config)


class _Draft:
    """A recipe as it was written, with its overrides."""

    def __init__(self, path: Path, overrides: Iterable[str], defaults: Mapping[str, Any]) -> None:
        self._path = path
        tree, self._lines = read_yaml(path)
        self._tree = {**defaults, **tree}
        _resolve_paths(self._tree, path.parent)
        self._overridden = set()
        for override in overrides:
            key, value = _parse_override(override)
            self._overridden.add(key)
            _set(self._tree, key, value)

    @property
    def is_of_text(self) -> bool:
        """Whether it tells of text in one language."""
        data = self._tree.get("data")
        return isinstance(data, dict) and "language" in data

    def checked(self, kind: type[Recipe]) -> Recipe:
        """The recipe. Raises UsageError."""
        try:
            return kind.model_validate(self._tree)
        except ValidationError as error:
            raise UsageError(_first_complaint(error, self._path, self._lines, self._overridden, kind)) from None


def as_in_a_file(folder: Path, key: str, value: Any) -> Any:
    """The value of ``section.key`` as it would be in a recipe in ``folder``: what is a path is relative to that."""
    names = tuple(key.split("."))
    tree: Any = {}
    _set(tree, names, value)
    _resolve_paths(tree, folder)
    for name in names:
        tree = tree[name]
    return tree


def dump(config: Section) -> str:
    """The recipe as YAML, every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


# --- reading ---------------------------------------------------------------------------------------------

Lines = dict[tuple[str, ...], int]
"""Path of a key -> its line in the file, counted from 1."""


def read_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """The mapping that a file holds, and where its keys are. Raises UsageError with one line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such recipe; name a YAML file such as configs/demo.yaml") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the recipe as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}); name a YAML file") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise UsageError(f"{path}{where}: {problem}; mend the YAML there") from None
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: holds no sections; a recipe has data, tokenizer, model, training, search")
    lines: Lines = {}
    for key, line in _walk(node, ()):
        if key in lines:  # YAML would let the last one win
            name, first = ".".join(key), lines[key]
            raise UsageError(f"{path}, line {line}: {name} is on line {first} already; keep one of the two")
        lines[key] = line
    return tree, lines


def _walk(node: yaml.Node | None, prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*prefix, str(key.value))
            yield path, key.start_mark.line + 1
            yield from _walk(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            path = (*prefix, str(index))
            yield path, value.start_mark.line + 1
            yield from _walk(value, path)


def _parse_override(override: str) -> tuple[tuple[str, ...], Any]:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise UsageError(f"'{override}' is no override; write section.key=value, such as training.seed=2")
    try:
        return tuple(key.split(".")), yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"{key}: '{value}' is not valid YAML; quote the value") from None


def _set(tree: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    branch = tree
    for name in key[:-1]:
        if not isinstance(branch.get(name), dict):
            branch[name] = {}
        branch = branch[name]
    branch[key[-1]] = value


_PATH_KEYS = {"corpus", "source", "target", "data_files"}
"""Of the mappings that stand for a corpus."""


def _resolve_paths(tree: dict[str, Any], base: Path) -> None:
    """Make the corpus paths of the file relative to the file, not to the working directory."""

    def is_path(key: str, part: Any) -> bool:
        # A data set's name is a folder's where it is written as one.
        of_folder = key == "dataset" and isinstance(part, str) and part.startswith(("./", "../"))
        return of_folder or (key in _PATH_KEYS and bool(part))

    def resolve(spec: Any) -> Any:
        if isinstance(spec, str):
            return str(base / spec)
        if isinstance(spec, list):
            return [resolve(part) for part in spec]
        if isinstance(spec, dict):
            return {key: resolve(part) if is_path(key, part) else part for key, part in spec.items()}
        return spec

    data = tree.get("data")
    if not isinstance(data, dict):
        return
    for key in {"train", "dev", "test"} & data.keys():
        data[key] = resolve(data[key])
    tokenizer = tree.get("tokenizer")
    if isinstance(tokenizer, dict) and isinstance(tokenizer.get("model"), str):
        tokenizer["model"] = resolve(tokenizer["model"])


# --- complaints ------------------------------------------------------------------------------------------


def _first_complaint(
    error: ValidationError, path: Path, lines: Lines, overridden: set[tuple[str, ...]], kind: type[Section]
) -> str:
    # A misspelt key is reported as unknown, and often as missing too: the first of the two says more.
    problems = error.errors(include_url=False)
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    # Pydantic adds the names of union members to the path; keys of ours are lower case.
    field = tuple(str(part) for part in problem["loc"] if not (isinstance(part, str) and part[:1].isupper()))
    name = ".".join(field) or "recipe"
    if any(field[: len(key)] == key for key in overridden):
        return f"{name}: {_explain(problem, field, kind)}"
    line = next((lines[field[:n]] for n in range(len(field), 0, -1) if field[:n] in lines), None)
    where = f"{path}, line {line}" if line else str(path)
    return f"{where}, {name}: {_explain(problem, field, kind)}"


def _explain(problem: Any, field: tuple[str, ...], recipe: type[Section]) -> str:
    kind = problem["type"]
    if kind == "extra_forbidden" and field[0] == "data" and field[-1] in ("weight", "tag"):
        return "a corpus of data.train has a weight or a tag so: {corpus: …, weight: 0.5, tag: 1}"
    if kind == "union_tag_invalid":
        return "names a corpus of a mixture; only the corpora of data.train are mixed: name the corpus alone"
    if kind == "extra_forbidden":
        known = _keys_beside(field, recipe)
        close = difflib.get_close_matches(field[-1], known, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key; {remedy}"
    if kind == "missing" and field == ("tokenizer",):
        return "missing; add this section, or name the model whose tokenizer it is with --from (with --resume too)"
    if kind == "missing":
        return "missing; add this key"
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    value = problem["input"]
    shown = "" if isinstance(value, dict) else f" (it is {value!r})"
    return f"{message}{shown}"


def _keys_beside(field: tuple[str, ...], recipe: type[Section]) -> list[str]:
    section: type[BaseModel] = recipe
    for name in field[:-1]:
        info = section.model_fields.get(name)
        annotation = info.annotation if info else None
        if name == "tokenizer":
            annotation = TokenizerConfig
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            forms = (MixedCorpus, FilePair, HubDataset, TaskCorpus)
            return sorted({key for form in forms for key in form.model_fields})
        section = annotation
    return list(section.model_fields)
