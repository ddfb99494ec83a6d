"""compose.yaml is valid and restrictive, and the files that it mounts exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from serve.server import _LAST_RESPONSES_TIMEOUT
from serve.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
"""The file with the default values of its variables."""
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]


def test_the_file_conforms_to_the_compose_specification() -> None:
    assert PyCompose.from_yaml(TEXT).service_names() == list(SERVICES)
    with pytest.raises(ValueError, match="readonly"):
        PyCompose.from_yaml(TEXT.replace("read_only", "readonly"))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_privileges_and_a_memory_limit(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_only_the_service_starts_by_default() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["carousel"]


def test_the_health_check_asks_for_readiness_and_the_grace_period_is_long_enough() -> None:
    service = SERVICES["carousel"]
    assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "serve.health_check", "/ready"]
    assert int(service["stop_grace_period"].removesuffix("s")) > Settings().request_timeout + _LAST_RESPONSES_TIMEOUT


def test_mounted_files_exist() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert files[0] == "./models"  # provided by the user
    assert len(files) == 3
    assert all((ROOT / file).exists() for file in files[1:])
