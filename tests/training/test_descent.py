import numpy as np
import pytest

from napari_emcad.training.descent import learning_rate
from napari_emcad.training.params import TrainingParameters


@pytest.mark.parametrize("warm_up", [0, 1, 5])
def test_the_learning_rate_rises_then_falls_to_a_hundredth(warm_up):
    parameters = TrainingParameters(steps=45, warm_up=warm_up, learning_rate=0.2)
    rates = [learning_rate(parameters, step, step / 45) for step in range(46)]
    peak = int(np.argmax(rates))
    assert peak == max(0, warm_up - 1)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[peak] == pytest.approx(0.2, rel=0.03)
    assert rates[45] == pytest.approx(0.002)
    assert learning_rate(parameters, 100, 0.5) == pytest.approx(0.2 * 0.505)
    assert learning_rate(parameters, 100, 1.7) == pytest.approx(0.002)
    if warm_up:
        assert learning_rate(parameters, 0, 0.0) == pytest.approx(0.2 / warm_up)


def test_the_warm_up_may_be_longer_than_the_run():
    parameters = TrainingParameters(steps=3, warm_up=10, learning_rate=1.0)
    assert [learning_rate(parameters, n, 0) for n in range(3)] == pytest.approx([0.1, 0.2, 0.3])
