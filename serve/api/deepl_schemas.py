"""Parameters and responses of DeepL's API."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from serve.api.parameters import EncodableText


def _to_list(value: Any) -> Any:
    """Accept a single string as a list; DeepL's own servers accept only lists."""
    return [value] if isinstance(value, str) else value


def _refuse_formality(value: str) -> str:
    if value in {"more", "less"}:
        raise ValueError("is not supported for given 'target_lang'; use prefer_more or prefer_less")
    return value


def _refuse_if_given(value: Any) -> Any:
    if value:
        raise ValueError("is not supported, and ignoring it would change the translation; leave it out")
    return value


TextList = Annotated[list[EncodableText], BeforeValidator(_to_list)]

_NO_EFFECT = "Accepted, but has no effect."


class DeeplTranslateRequest(BaseModel):
    """Parameters of ``/v2/translate``. An optional parameter may be null or empty; unknown ones are ignored."""

    text: Annotated[TextList, Field(min_length=1)] = Field(
        description="Texts to translate; in a form, one field per text.", examples=[["The black cat sleeps."]]
    )
    target_lang: EncodableText = Field(
        description="Language code to translate into, with or without a region.", examples=["FR"]
    )
    source_lang: EncodableText | None = Field(
        None, description="Language code of the texts. If it is missing, the language of each text is detected."
    )
    glossary_id: EncodableText | None = Field(
        None, description="Glossary for this language pair. Requires `source_lang`."
    )
    tag_handling: Literal["html", "xml"] | None = Field(None, description="Kind of markup in the texts.")
    formality: Annotated[
        Literal["default", "more", "less", "prefer_more", "prefer_less"], AfterValidator(_refuse_formality)
    ] = Field("default", description=f"{_NO_EFFECT} `more` and `less` are refused.")
    show_billed_characters: bool = Field(
        False, description=f"{_NO_EFFECT} The number of billed characters is always returned."
    )
    model_type: Literal["quality_optimized", "prefer_quality_optimized", "latency_optimized"] | None = Field(
        None, description=f"{_NO_EFFECT} There is one model per language pair."
    )
    split_sentences: Literal["0", "1", "nonewlines"] = Field("1", description=_NO_EFFECT)
    preserve_formatting: bool = Field(False, description=f"{_NO_EFFECT} Formatting is always preserved.")
    outline_detection: bool = Field(True, description=_NO_EFFECT)
    context: EncodableText | None = Field(None, description=_NO_EFFECT)
    splitting_tags: TextList = Field([], description=_NO_EFFECT)
    non_splitting_tags: TextList = Field([], description=_NO_EFFECT)
    ignore_tags: Annotated[TextList, AfterValidator(_refuse_if_given)] = Field([], description="Not supported.")
    glossary_ids: Annotated[TextList, AfterValidator(_refuse_if_given)] = Field([], description="Not supported.")


LIST_PARAMETERS = {"text", "splitting_tags", "non_splitting_tags", "ignore_tags", "glossary_ids"}
"""Names of the parameters that a form may repeat."""


class DeeplLanguagesRequest(BaseModel):
    """Parameters of ``/v2/languages``."""

    type: Literal["source", "target"] = Field("source", description="Whether to list source or target languages.")


class CreateGlossaryRequest(BaseModel):
    """Parameters for creating a glossary."""

    name: EncodableText = Field(description="Name of the glossary.", examples=["Animals"])
    source_lang: EncodableText = Field(description="Language code of the terms.", examples=["en"])
    target_lang: EncodableText = Field(description="Language code of their translations.", examples=["fr"])
    entries: EncodableText = Field(
        description="One entry per line: the term and its translation.", examples=["cat\tminou"]
    )
    entries_format: Literal["tsv", "csv"] = Field("tsv", description="Format of the entries.")


class DeeplTranslation(BaseModel):
    """Translation of one text."""

    detected_source_language: str = Field(description="Language code of the text.")
    text: str = Field(description="Translation of the text.")
    billed_characters: int = Field(description="Number of characters of the source text.")
    model_type_used: str = Field(default="", description="Model type, if `model_type` was given.")


class DeeplTranslateResponse(BaseModel):
    """Response of ``/v2/translate``."""

    translations: list[DeeplTranslation]


class DeeplLanguage(BaseModel):
    """A source or target language."""

    language: str = Field(description="Language code in upper case.")
    name: str = Field(description="English name of the language.")
    supports_formality: bool = Field(default=False, description="Always false; returned for target languages only.")


class DeeplUsageResponse(BaseModel):
    """The client's usage since the server's start, and its limit."""

    character_count: int = Field(description="Number of characters translated.")
    character_limit: int = Field(description="Maximum number of characters; 1000000000000 if there is no limit.")


class GlossaryResponse(BaseModel):
    """A glossary without its entries."""

    glossary_id: str
    name: str
    ready: bool
    source_lang: str
    target_lang: str
    creation_time: str
    entry_count: int


class GlossaryListResponse(BaseModel):
    """The client's glossaries."""

    glossaries: list[GlossaryResponse]


class GlossaryLanguagePair(BaseModel):
    """A language pair for which glossaries are supported."""

    source_lang: str
    target_lang: str


class GlossaryLanguagePairsResponse(BaseModel):
    """All language pairs for which glossaries are supported."""

    supported_languages: list[GlossaryLanguagePair]
