"""Health check for container images without curl: ``python -m serve.health_check [/health | /ready]``.

Sends a request to the server at ``NMT_HOST`` and ``NMT_PORT``; exits with a one-line reason unless the status is 200.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_TIMEOUT = 3  # seconds


def check_health(route: str) -> str | None:
    """Return None if the server answers a request for the route with status 200, else what is wrong."""
    # Not read with `serve.settings`, because importing it takes longer than the whole check.
    host, port = os.environ.get("NMT_HOST") or "127.0.0.1", os.environ.get("NMT_PORT") or "5000"
    url = f"http://{host}:{port}{route}"
    if not port.isdecimal():
        return f"NMT_PORT: {port!r} is not a port; set it to a number"
    connection = HTTPConnection(host, int(port), timeout=_TIMEOUT)
    try:
        connection.request("GET", route)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{url}: {type(error).__name__}: {error}"
    finally:
        connection.close()
    return None if status == 200 else f"{url}: status {status}"


if __name__ == "__main__":
    sys.exit(check_health(sys.argv[1] if len(sys.argv) > 1 else "/health"))
