"""Writes the pins of the images, with the hashes of all their files; ``make pins`` runs it.

    serve.txt   the extra "serve"
    train.txt   the extra "train" without torch, whose wheels differ by machine, and what torch alone needs
    build.txt   what the project's own wheel is made with

The versions are those of constraints.txt, but for build.txt, which takes the newest.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))


def of_extra(extra: str) -> list[str]:
    """What an extra needs, the extras that it names in place; without torch."""
    found: list[str] = []
    for line in PROJECT["project"]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == PROJECT["project"]["name"]:
            found += [each for name in sorted(requirement.extras) for each in of_extra(name)]
        elif requirement.name != "torch":
            found.append(line)
    return found


def pin(requirements: Iterable[str], *options: str) -> str:
    """The lines of a file that pip installs with ``--require-hashes``."""
    compiler = [sys.executable, "-m", "piptools", "compile", "-", "--output-file", "-", "--quiet", "--generate-hashes"]
    silent = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-options"]
    done = subprocess.run(
        [*compiler, *silent, "--allow-unsafe", "--strip-extras", *options],
        input="\n".join(requirements), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return "# Made by `make pins`.\n" + "".join(
        line for line in done.stdout.splitlines(keepends=True) if line.strip() and not line.startswith("#")
    )


def main() -> None:
    """Write them all."""
    constrained = f"--constraint={HERE.parent / 'constraints.txt'}"
    files = {
        f"{extra}.txt": pin([*PROJECT["project"]["dependencies"], *of_extra(extra)], constrained)
        for extra in ("serve", "train")
    }
    files["build.txt"] = pin(PROJECT["build-system"]["requires"])
    for name, text in files.items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
