import pytest

from serve.scheduling.throughput import ThroughputEstimate


def test_the_first_measurement_is_taken_fully_and_later_ones_with_a_weight_of_a_fifth():
    throughput = ThroughputEstimate()
    throughput.record(1.0, ["x" * 80])  # 100 characters with the overhead of the sentence
    assert throughput.estimate("x" * 80) == pytest.approx(1.0)
    assert throughput.estimate("x" * 180) == pytest.approx(2.0)
    throughput.record(2.0, ["x" * 80])
    assert throughput.estimate("x" * 80) == pytest.approx(1.2)


def test_short_measurements_are_accumulated():
    throughput = ThroughputEstimate()
    throughput.record(1.0, ["x" * 80])
    for _ in range(4):
        throughput.record(0.05, ["x" * 80])
        assert throughput.estimate("x" * 80) == pytest.approx(1.0)
    throughput.record(0.05, [])
    assert throughput.estimate("x" * 80) == pytest.approx(1.0 + 0.2 * (0.25 / 4 - 1.0))


def test_time_without_finished_texts_counts_towards_the_next_measurement():
    throughput = ThroughputEstimate()
    throughput.record(1.0, [])
    throughput.record(1.0, ["x" * 80])
    assert throughput.estimate("x" * 80) == pytest.approx(2.0)
