"""How many cores there are to decode on."""

import math
import os
from pathlib import Path

_CONTROL_GROUP = Path("/sys/fs/cgroup")


def cores(group: Path = _CONTROL_GROUP) -> int:
    """The cores of this process's CPU set, but no more than the quota of its control group pays for.

    ``docker run --cpus`` and Kubernetes' limits are such quotas. More threads than that would be held up in the middle
    of their steps.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _quota(group) or usable)


def _quota(group: Path) -> int | None:
    """The quota in cores, rounded up; None where there is none."""
    try:
        if (group / "cpu.max").exists():  # version 2
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return max(1, math.ceil(int(quota) / int(period))) if int(quota) > 0 else None
    except (OSError, ValueError):  # no such file; "max"
        return None
