"""The requirements files of the images are complete, have hashes, and agree with constraints.txt."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^\\]+)?(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)


def pins(path: Path) -> dict[str, str]:
    comment, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert comment.startswith("#")
    found = list(PIN.finditer(rest))
    assert "".join(pin[0] for pin in found) == rest  # no index options, no URLs, no package without a hash
    return {canonicalize_name(pin["name"]): pin["version"] for pin in found}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    named = (Requirement(line) for line in lines)
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in named}


def transitive_names(requirements: Iterable[str], extra: str = "") -> set[str]:
    """Return the names of all packages that these requirements need, except torch, according to the installed ones."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name != "torch" and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            found |= {name}
            for wanted in ("", *requirement.extras):
                found |= transitive_names(requires(name) or (), wanted)
    return found


@pytest.mark.parametrize("extra", ["serve", "train"])
def test_all_packages_are_pinned_to_the_tested_versions(extra: str) -> None:
    spec = importlib.util.spec_from_file_location("pin", ROOT / "requirements" / "pin.py")
    assert spec is not None
    assert spec.loader is not None
    pin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pin)
    pinned = pins(ROOT / "requirements" / f"{extra}.txt")
    assert transitive_names([*pin.PROJECT["project"]["dependencies"], *pin.requirements_of_extra(extra)]) <= set(pinned)
    tested = constraints()
    assert {name: version for name, version in pinned.items() if tested.get(name, version) != version} == {}
    assert set(pinned) - set(tested) <= {"setuptools"}  # omitted by pip freeze
    assert "torch" not in pinned


def test_the_build_requirements_are_pinned() -> None:
    assert set(pins(ROOT / "requirements" / "build.txt")) == {"setuptools", "ziglang"}
