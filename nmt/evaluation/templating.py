"""Templates of pages, all filled in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.utils.errors import missing_extra

if TYPE_CHECKING:
    import jinja2


def template_environment(package: str, what: str) -> jinja2.Environment:
    """The templates of a package; raises CarouselError, which names what they are for, where Jinja is not installed."""
    try:
        import jinja2
    except ModuleNotFoundError:
        raise missing_extra("train", what) from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
