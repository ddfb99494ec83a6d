import pytest
from fake_translator import FakeTranslator

from nmt.utils.errors import CarouselError
from serve.models.served_model import ServedModel
from serve.scheduling.throughput import ThroughputEstimate


def test_warm_up_fills_a_batcher_for_each_worker_and_measures_the_throughput():
    fake = FakeTranslator()
    model = ServedModel(fake, 3, ThroughputEstimate())
    model.warm_up(num_workers=2)
    assert fake.decoded() == []
    assert [len(batch) for batch in fake.admitted] == [3, 3, 3, 3]
    assert all(not batcher.running for batcher in fake.batchers)
    assert 0 < model.throughput.estimate("x" * 80) < 0.01
    warm = [model.create_batcher(worker, fake.beam_size) for worker in (0, 1)]
    assert warm == fake.batchers
    assert model.create_batcher(0, fake.beam_size) not in warm  # a batcher belongs to one worker


def test_a_network_that_computes_no_scores_is_refused():
    fake = FakeTranslator()
    fake.broken = True
    with pytest.raises(CarouselError, match="scores that are NaN; replace the model directory"):
        ServedModel(fake, 3, ThroughputEstimate()).warm_up(num_workers=1)


def test_closing_a_model_closes_its_translator():
    fake = FakeTranslator()
    ServedModel(fake, 3, ThroughputEstimate()).close()
    assert fake.closed
