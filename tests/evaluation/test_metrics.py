"""Scores of sets that no bootstrap can resample."""

from nmt.evaluation.metrics import evaluate


def test_a_set_too_small_for_an_interval_is_scored_without_one() -> None:
    scores = evaluate(["x", "?"], ["a", "?"], "de")
    assert scores["chrf"]["ci"] is None
    assert scores["ter"]["score"] == 50
