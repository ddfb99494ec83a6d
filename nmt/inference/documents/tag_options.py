"""Options for the tags of documents in a markup language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TagOptions:
    """The treatment of elements by name, with the options of DeepL's API."""

    ignore_tags: frozenset[str] = frozenset()
    """Elements that are copied. They remain part of the sentence."""
    splitting_tags: frozenset[str] = frozenset()
    """Elements that interrupt a sentence."""
    non_splitting_tags: frozenset[str] = frozenset()
    """Elements that never interrupt a sentence."""
    outline_detection: bool = True
    """In XML, whether the structure of the document determines which other elements interrupt a sentence."""

    def lower(self) -> TagOptions:
        """Return the options with all names in lower case."""

        def lowered(names: frozenset[str]) -> frozenset[str]:
            return frozenset(name.lower() for name in names)

        return TagOptions(
            lowered(self.ignore_tags),
            lowered(self.splitting_tags),
            lowered(self.non_splitting_tags),
            self.outline_detection,
        )
