"""Translation of large files with Ray Data, on one machine or a cluster.

This package sets environment variables that Ray reads when it is first imported: no usage statistics are sent, and
connecting to a cluster does not wait for a quarter of an hour. If Ray is started here, it listens on the loopback
address only (by means of a switch intended for other operating systems) and requires a random token, which would
otherwise be stored in the home directory. Import the package only where it is used.
"""

import os
import secrets

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
CLUSTER = os.environ.get("RAY_ADDRESS") or "local"
"""Address of the cluster to join, from Ray's own variable; ``local`` starts one on this machine during the job."""
if CLUSTER == "local":
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
else:
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
