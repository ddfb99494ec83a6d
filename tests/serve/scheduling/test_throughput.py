import pytest

from serve.scheduling.throughput import ThroughputEstimate


def test_the_first_measurement_counts_fully_and_later_ones_a_fifth():
    throughput = ThroughputEstimate()
    throughput.worked(1.0, ["x" * 80])  # 100 characters, with those of the sentence itself
    assert throughput.estimate("x" * 80) == pytest.approx(1.0)
    assert throughput.estimate("x" * 180) == pytest.approx(2.0)
    throughput.worked(2.0, ["x" * 80])
    assert throughput.estimate("x" * 80) == pytest.approx(1.2)


def test_short_measurements_are_gathered_first():
    throughput = ThroughputEstimate()
    throughput.worked(1.0, ["x" * 80])
    for _ in range(4):
        throughput.worked(0.05, ["x" * 80])
        assert throughput.estimate("x" * 80) == pytest.approx(1.0)
    throughput.worked(0.05, [])
    assert throughput.estimate("x" * 80) == pytest.approx(1.0 + 0.2 * (0.25 / 4 - 1.0))


def test_time_in_which_nothing_was_finished_is_kept_for_later():
    throughput = ThroughputEstimate()
    throughput.worked(1.0, [])
    throughput.worked(1.0, ["x" * 80])
    assert throughput.estimate("x" * 80) == pytest.approx(2.0)
