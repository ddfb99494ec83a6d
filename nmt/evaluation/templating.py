"""Jinja environment of the HTML templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.utils.errors import missing_extra

if TYPE_CHECKING:
    import jinja2


def template_environment(package: str, feature: str) -> jinja2.Environment:
    """Return an environment that loads the templates of a package and escapes all values.

    Raises CarouselError if Jinja is not installed; the message names the feature that needs it.
    """
    try:
        import jinja2
    except ModuleNotFoundError:
        raise missing_extra("train", feature) from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
