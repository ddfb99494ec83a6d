"""Number of available CPUs: the CPU set and the quotas of both versions of control groups."""

import os
from pathlib import Path

import pytest

from nmt.utils.cpus import available_cpus


@pytest.fixture(autouse=True)
def _cpu_set_of_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1), ("3200000 100000", 8), ("max 100000", 8)],
)
def test_quota_of_cgroup_version_2(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_cpus(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("200000", 2), ("210000", 3), ("1000", 1), ("-1", 8)])
def test_quota_of_cgroup_version_1(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == expected


def test_without_a_quota_the_cpu_set_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path) == 8
