"""The moving average of weights, compared with a simple loop."""

import torch

from nmt.training.weight_averaging import MovingAverage


def test_average_equals_a_simple_loop_and_is_swapped_in_and_out() -> None:
    network = torch.nn.Linear(3, 2)
    average = MovingAverage(network, decay=0.9)
    expected = network.weight.detach().clone()
    for update in range(30):
        with torch.no_grad():
            network.weight.add_(torch.randn(2, 3))
        average.update(update)
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    trained = network.weight.detach().clone()
    with average.swap_in():
        torch.testing.assert_close(network.weight.detach(), expected, rtol=1e-5, atol=1e-6)
        assert not network.training
    assert torch.equal(network.weight, trained)
    assert network.training


def test_average_with_decay_zero_equals_the_weights() -> None:
    network = torch.nn.Linear(3, 2)
    average = MovingAverage(network, decay=0.0)
    with torch.no_grad():
        network.weight.add_(1.0)
    average.update(0)
    assert torch.equal(average.weights["weight"], network.weight)
