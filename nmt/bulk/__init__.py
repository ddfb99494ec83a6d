"""Large amounts of text, translated by Ray's workers on one machine or many; imported where it is asked for alone.

Ray looks at these variables when it is first imported. It shall not report to its maker, and not seek a cluster for a
quarter of an hour. Where it is started here, it shall listen on the machine's own address alone (a switch that was made
for other systems), to those who know a secret, which would else be kept in the home folder.
"""

import os
import secrets

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
CLUSTER = os.environ.get("RAY_ADDRESS") or "local"
"""The cluster to join, by Ray's own variable; ``local`` starts one on this machine for the time of the job."""
if CLUSTER == "local":
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
else:
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
