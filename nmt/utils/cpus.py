"""Number of CPUs that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Return the number of CPUs in the process's CPU set, limited by the quota of its control group.

    ``docker run --cpus`` and Kubernetes' limits set such quotas. If there are more threads than the quota allows, the
    kernel suspends them in the middle of their work.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _cpu_quota(cgroup) or usable)


def _cpu_quota(cgroup: Path) -> int | None:
    """Return the quota in CPUs, rounded up; None if there is none."""
    try:
        if (cgroup / "cpu.max").exists():  # version 2
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return max(1, math.ceil(int(quota) / int(period))) if int(quota) > 0 else None
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return None
