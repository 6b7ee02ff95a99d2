"""Fine-tuning on a desk without a window, with a trainer that only pretends to learn."""

import os
from pathlib import Path

import fake_trainer
import pytest
from finetuning_hands import FineTuningHand


@pytest.fixture
def way(monkeypatch):
    """Which way the trainer goes, see `fake_trainer`; no child is started."""
    monkeypatch.setattr("napari_emcad.widgets.finetune.progress.train_beside", fake_trainer.train_here)
    return lambda name: monkeypatch.setenv("FAKE_TRAINER", name)


@pytest.fixture
def in_child(monkeypatch):
    """Which way the trainer goes, in a child of its own."""
    monkeypatch.setattr("napari_emcad.workers.training.train_in_child", fake_trainer.train_in_child)
    monkeypatch.setenv("PYTHONPATH", str(Path(fake_trainer.__file__).parent), prepend=os.pathsep)
    return lambda name: monkeypatch.setenv("FAKE_TRAINER", name)


@pytest.fixture
def new_hand(new_desk, loop, model, way):
    """Another desk, with nothing on it."""
    hands = []

    def make() -> FineTuningHand:
        hands.append(FineTuningHand(new_desk(), loop, model))
        return hands[-1]

    yield make
    for hand in hands:
        hand.close()


@pytest.fixture
def hand(desk, loop, open_stack, stack, model, way):
    """A stack, and nothing segmented."""
    open_stack(stack, translate=(400, 50, 60))
    hand = FineTuningHand(desk, loop, model)
    yield hand
    hand.close()


@pytest.fixture
def at_work(session, desk, loop, model, way):
    """A session, the first neuron of which is done."""
    hand = FineTuningHand(desk, loop, model)
    hand.do(1)
    yield hand
    hand.close()
