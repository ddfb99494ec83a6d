"""Jinja environments for HTML templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.utils.errors import missing_extra

if TYPE_CHECKING:
    import jinja2


def template_environment(package: str, feature: str) -> jinja2.Environment:
    """Return an environment that loads the templates of a package and escapes all values.

    Raises CarouselError if Jinja is not installed; ``feature`` names what needs it in the message.
    """
    try:
        import jinja2
    except ModuleNotFoundError:
        raise missing_extra("train", feature) from None
    loader, undefined = jinja2.PackageLoader(package), jinja2.StrictUndefined
    return jinja2.Environment(loader=loader, undefined=undefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
