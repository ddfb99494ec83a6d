"""Asks the server in this container whether it is well: ``python -m serve.health_check [/health | /ready]``.

For health checks in an image that has no curl. It asks where ``NMT_HOST`` and ``NMT_PORT`` say that the server listens.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_PATIENCE = 3  # seconds


def probe(route: str) -> str | None:
    """What is wrong, in a line; None if nothing is."""
    # Not by `serve.settings`: to import that would take longer than all the rest.
    host, port = os.environ.get("NMT_HOST") or "127.0.0.1", os.environ.get("NMT_PORT") or "5000"
    connection = HTTPConnection(host, int(port), timeout=_PATIENCE)
    try:
        connection.request("GET", route)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{route} of {host}:{port}: {type(error).__name__}: {error}"
    finally:
        connection.close()
    return None if status == 200 else f"{route} of {host}:{port}: status {status}"


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1] if len(sys.argv) > 1 else "/health"))
