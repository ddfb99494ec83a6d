"""Base class and field types that all sections of a recipe share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ConfigSection(BaseModel):
    """Base class of all sections of a recipe, which are immutable and forbid unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _refuse_yaml_false(code: Any) -> Any:
    if code is False:
        raise ValueError("a bare no means false in YAML; quote it")
    return code


_LANGUAGE_CODE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
LanguageCode = Annotated[str, BeforeValidator(_refuse_yaml_false), Field(pattern=_LANGUAGE_CODE)]
"""A language code, such as ``en``, ``pt-BR`` or ``fra_Latn``."""

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
"""A probability below 1."""
