"""The packages of the extra ``documents`` have permissive licences and a small size."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PERMISSIVE = {"MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Apache", "PSF-2.0", "ISC", "0BSD"}
MAX_BYTES = 40 * 2**20


def packages(requirements: list[str]) -> set[str]:
    """Return the names of packages with those that they need."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= {requirement.name} | packages(requires(requirement.name) or [])
    return found


def documents() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return packages(project["optional-dependencies"]["documents"])


def licences(name: str) -> set[str]:
    """Return the words of a package's declarations that name a licence."""
    metadata = distribution(name).metadata
    declared = [metadata.get("License-Expression") or "", (metadata.get("License") or "")[:60]]
    declared += [
        each.rpartition("::")[2] for each in metadata.get_all("Classifier") or [] if each.startswith("License")
    ]
    return {word.strip("(),") for text in declared for word in text.split()}


def test_licences_are_permissive() -> None:
    for name in documents():
        found = licences(name)
        assert found & PERMISSIVE, f"{name}: {found}"
        assert not {word for word in found if "GPL" in word}, f"{name}: {found}"


def test_size_is_small() -> None:
    sizes = {
        name: sum(file.locate().stat().st_size for file in distribution(name).files or [] if file.locate().is_file())
        for name in documents()
    }
    assert sum(sizes.values()) <= MAX_BYTES, sizes
