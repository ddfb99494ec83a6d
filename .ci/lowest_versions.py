"""Print requirements that pin the dependencies of the base installation and of the extras named as arguments to their
lowest allowed versions: ``name>=1.2,<2`` in pyproject.toml becomes ``name==1.2``.
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lowest(requirement: str) -> str:
    """Return a requirement pinned to its lower bound; exit if it has none."""
    package, semicolon, marker = requirement.partition(";")
    match = re.fullmatch(r"([\w.-]+(?:\[[\w,.-]+\])?)>=([\w.]+)(?:,.*)?", package.replace(" ", ""))
    if match is None:
        sys.exit(f"pyproject.toml: {requirement!r} has no lower bound; add one")
    name, version = match.groups()
    return f"{name}=={version}{semicolon}{marker}"


def main() -> None:
    """Print one requirement per line."""
    requirements = list(PROJECT["dependencies"])
    for extra in sys.argv[1:]:
        requirements += PROJECT["optional-dependencies"][extra]
    for requirement in requirements:
        if not requirement.startswith(f"{PROJECT['name']}["):
            print(lowest(requirement))


if __name__ == "__main__":
    main()
