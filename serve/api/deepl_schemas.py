"""Models of the parameters and responses of DeepL's API."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from nmt.inference.documents.tag_options import TagOptions
from serve.api.parameters import ApiModel, EncodableText


def _to_list(value: Any) -> Any:
    """Return a single string as a list, which DeepL's own servers would refuse, and any other value unchanged."""
    return [value] if isinstance(value, str) else value


def _refuse_formality(value: str) -> str:
    """Return the value; raise ValueError if it requires a formality that no model supports."""
    if value in {"more", "less"}:
        raise ValueError("is not supported for given 'target_lang'; use prefer_more or prefer_less")
    return value


def _refuse_if_given(value: Any) -> Any:
    """Return an empty value; raise ValueError for any other."""
    if value:
        raise ValueError("is not supported, and ignoring it would change the translation; leave it out")
    return value


def _to_splitting(value: Any) -> Any:
    """Return a number or a truth value, as clients send it in JSON, as a string, and any other value unchanged."""
    return str(int(value)) if isinstance(value, bool | int) else value


def _refuse_undivided_markup(value: str, info: ValidationInfo) -> str:
    """Return the value; raise ValueError if markup would have to stay undivided, which is not supported."""
    if value == "0" and info.data.get("tag_handling"):
        raise ValueError("0 is not supported with 'tag_handling'; leave one of them out")
    return value


def _split_names(value: Any) -> Any:
    """Return names, which may be separated by commas, as a list, and any other value unchanged."""
    names = _to_list(value)
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        return value
    return [name for part in names for name in map(str.strip, part.split(",")) if name]


TagList = Annotated[list[EncodableText], BeforeValidator(_split_names)]
TextList = Annotated[list[EncodableText], BeforeValidator(_to_list)]
Splitting = Literal["lines", "sentences", "none"]
Formality = Literal["default", "more", "less", "prefer_more", "prefer_less"]

_SPLITTING: dict[str, Splitting] = {"0": "none", "1": "lines", "nonewlines": "sentences"}


class DeeplTranslateRequest(ApiModel):
    """Parameters of ``/v2/translate``. An optional parameter may be null or empty; unknown ones are ignored."""

    text: Annotated[TextList, Field(min_length=1, examples=[["The black cat sleeps."]])]
    """Texts to translate; in a form, one field per text."""
    target_lang: EncodableText = Field(examples=["FR"])
    """Language code to translate into, with or without a region."""
    source_lang: EncodableText | None = None
    """Language code of the texts. If it is missing, the language of each text is detected."""
    glossary_id: EncodableText | None = None
    """Glossary for this language pair. Requires `source_lang`."""
    tag_handling: Literal["html", "xml"] | None = None
    """Kind of markup in the texts, which is copied. Texts that are not well-formed XML are refused."""
    formality: Annotated[Formality, AfterValidator(_refuse_formality)] = "default"
    """Accepted, but has no effect. `more` and `less` are refused."""
    show_billed_characters: bool = False
    """Accepted, but has no effect. The number of billed characters is always returned."""
    model_type: Literal["quality_optimized", "prefer_quality_optimized", "latency_optimized"] | None = None
    """Accepted, but has no effect. There is one model per direction."""
    split_sentences: Annotated[
        Literal["0", "1", "nonewlines"], BeforeValidator(_to_splitting), AfterValidator(_refuse_undivided_markup)
    ] = "1"
    """Where texts are divided: nowhere, at lines and sentences, or only at sentences. With `tag_handling`, line breaks
    are white space and sentences are always divided: 0 is refused."""
    preserve_formatting: bool = False
    """Accepted, but has no effect. Formatting is always preserved."""
    outline_detection: bool = True
    """In XML, whether the structure of a text determines which elements interrupt a sentence, apart from those in
    `splitting_tags` and `non_splitting_tags`. If not, only those in `splitting_tags` do."""
    context: EncodableText | None = None
    """Accepted, but has no effect."""
    splitting_tags: TagList = Field([])
    """Elements that interrupt a sentence, if `tag_handling` is given; separated by commas or as a list."""
    non_splitting_tags: TagList = Field([])
    """Elements that never interrupt a sentence, if `tag_handling` is given; separated by commas or as a list."""
    ignore_tags: TagList = Field([])
    """Elements whose content is copied, if `tag_handling` is given; separated by commas or as a list."""
    glossary_ids: Annotated[TextList, AfterValidator(_refuse_if_given)] = Field([])
    """Not supported."""

    style_id: Annotated[EncodableText | None, AfterValidator(_refuse_if_given)] = None
    """Not supported."""
    custom_instructions: Annotated[TextList, AfterValidator(_refuse_if_given)] = Field([])
    """Not supported."""
    translation_memory_id: Annotated[EncodableText | None, AfterValidator(_refuse_if_given)] = None
    """Not supported."""

    @property
    def splitting(self) -> Splitting:
        """Where plain texts are divided; see `TranslationRequest`."""
        return _SPLITTING[self.split_sentences]

    @property
    def tag_options(self) -> TagOptions | None:
        """Treatment of elements by name, or None for texts without markup."""
        if self.tag_handling is None:
            return None
        return TagOptions(
            frozenset(self.ignore_tags),
            frozenset(self.splitting_tags),
            frozenset(self.non_splitting_tags),
            self.outline_detection,
        )


LIST_PARAMETERS = {"text", "splitting_tags", "non_splitting_tags", "ignore_tags", "glossary_ids"}
"""Names of the parameters that a form may repeat."""


class DeeplLanguagesRequest(ApiModel):
    """Parameters of ``/v2/languages``."""

    type: Literal["source", "target"] = "source"
    """Whether to list source or target languages."""


class CreateGlossaryRequest(ApiModel):
    """Parameters for creating a glossary."""

    name: EncodableText = Field(examples=["Animals"])
    """Name of the glossary."""
    source_lang: EncodableText = Field(examples=["en"])
    """Language code of the terms."""
    target_lang: EncodableText = Field(examples=["fr"])
    """Language code of their translations."""
    entries: EncodableText = Field(examples=["cat\tminou"])
    """One entry per line: the term and its translation."""
    entries_format: Literal["tsv", "csv"] = "tsv"
    """Format of the entries."""


class DeeplTranslation(ApiModel):
    """Translation of one text."""

    detected_source_language: str
    """Language code of the text."""
    text: str
    """Translation of the text."""
    billed_characters: int
    """Number of characters of the source text."""
    model_type_used: str = ""
    """Model type, if `model_type` was given."""


class DeeplTranslateResponse(ApiModel):
    """Response of ``/v2/translate``."""

    translations: list[DeeplTranslation]


class DeeplLanguage(ApiModel):
    """A source or target language."""

    language: str
    """Language code in upper case."""
    name: str
    """English name of the language."""
    supports_formality: bool = False
    """Always false; returned for target languages only."""


class DeeplUsageResponse(ApiModel):
    """The client's usage since the server's start, and its limit."""

    character_count: int
    """Number of characters translated."""
    character_limit: int
    """Maximum number of characters; 1000000000000 if there is no limit."""


class GlossaryResponse(ApiModel):
    """A glossary without its entries."""

    glossary_id: str
    name: str
    ready: bool
    source_lang: str
    target_lang: str
    creation_time: str
    entry_count: int


class GlossaryListResponse(ApiModel):
    """The client's glossaries."""

    glossaries: list[GlossaryResponse]


class GlossaryLanguagePair(ApiModel):
    """A language pair for which glossaries are supported."""

    source_lang: str
    target_lang: str


class GlossaryLanguagePairsResponse(ApiModel):
    """All language pairs for which glossaries are supported."""

    supported_languages: list[GlossaryLanguagePair]
