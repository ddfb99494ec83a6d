"""Hashes of JSON values."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def hash_json(*values: Any) -> str:
    """Return a hash of JSON values as 32 hexadecimal digits; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
