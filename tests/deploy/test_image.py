"""Metadata in the Dockerfile; `.ci/container` tests the image itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
NAMES = [stage.split()[2] for stage in STAGES]


def test_the_service_is_the_default_target() -> None:
    assert NAMES[-1] == "serve"
    assert "train" in NAMES


def test_the_images_have_the_version_and_an_unprivileged_user() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name in ("serve", "train"):
        stage = STAGES[NAMES.index(name)]
        assert f'org.opencontainers.image.version="{version}"' in stage
        user, group = re.findall(r"^USER (\d+):(\d+)$", stage, re.MULTILINE)[-1]
        assert int(user) > 0
        assert int(group) > 0
