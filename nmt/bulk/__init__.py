"""Translation of large files with Ray Data, on one machine or a cluster.

This package sets environment variables that Ray reads when it is first imported. They disable usage statistics, and
shorten the timeout for connecting to a cluster, which is a quarter of an hour by default. A local cluster listens on
the loopback address only (by means of a switch intended for other operating systems) and requires a random token, which
Ray would otherwise store in the home directory. Import the package only where it is used.
"""

import os
import secrets

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
CLUSTER_ADDRESS = os.environ.get("RAY_ADDRESS") or "local"
"""Address of the Ray cluster, from the environment variable RAY_ADDRESS; ``local`` starts one for the job."""
if CLUSTER_ADDRESS == "local":
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
else:
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
