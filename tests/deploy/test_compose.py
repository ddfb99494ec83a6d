"""compose.yaml is well formed, strict, and names files that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from serve.server import _LAST_BYTES_TIMEOUT
from serve.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
"""With the defaults of its variables."""
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]


def test_it_is_by_the_specification() -> None:
    assert PyCompose.from_yaml(TEXT).service_names() == list(SERVICES)
    with pytest.raises(ValueError, match="readonly"):
        PyCompose.from_yaml(TEXT.replace("read_only", "readonly"))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_down_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_only_the_service_starts_by_default() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["carousel"]


def test_it_is_healthy_when_it_is_ready_and_has_time_to_finish() -> None:
    service = SERVICES["carousel"]
    assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "serve.health_check", "/ready"]
    assert int(service["stop_grace_period"].removesuffix("s")) > Settings().request_timeout + _LAST_BYTES_TIMEOUT


def test_what_is_mounted_exists() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert files[0] == "./models"  # the user's
    assert len(files) == 3
    assert all((ROOT / file).exists() for file in files[1:])
