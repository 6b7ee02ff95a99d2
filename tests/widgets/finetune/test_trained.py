"""Fine-tuning with the trainer itself, on squares that a tiny student learns in seconds."""

import pytest
import torch
from finetuning_hands import FineTuningHand
from toy_crops import squares

from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, save_model
from napari_emcad.networks.zoo import available_models


@pytest.fixture
def blank(tmp_path):
    """A student that knows nothing."""
    torch.manual_seed(0)
    save_model(
        CadStudent(CadStudentConfig(maps=4, embedding_channels=4)), tmp_path / "blank.pt", ModelCard(title="blank")
    )
    return tmp_path / "blank.pt"


@pytest.fixture
def hand(desk, loop, open_stack, blank):
    """Squares and their labels, and a student that knows nothing."""
    crop = squares()
    open_stack(crop.raw, name="squares")
    hand = FineTuningHand(desk, loop, blank)
    truth = desk.viewer.add_labels(crop.labels, name="truth")
    hand.setup.add(lambda: hand.sources.labels_places(truth))
    yield hand
    hand.close()


@pytest.mark.slow
def test_trained_stopped_gone_on_with_and_kept(hand, blank, own_runs):
    hand.setup.budget.change(learning_rate=0.01, minutes=5)
    hand.fine_tuning.start()
    hand.until(lambda: hand.progress.record.step >= 2 or bool(hand.progress.record.failure))
    assert hand.progress.record.device.startswith("CPU")
    assert hand.progress.record.before.voi > 0
    hand.fine_tuning.stop()
    hand.loop.work()
    assert hand.progress.record.finished["why"] == "stopped"
    stopped_at = hand.progress.record.step
    hand.setup.budget.change(steps=25)
    hand.fine_tuning.go_on()
    hand.loop.work()
    record = hand.progress.record
    assert record.finished["why"] == "budget"
    assert record.step == stopped_at + 25
    assert record.best.voi < record.before.voi
    hand.fine_tuning.compare(0)
    hand.loop.work()
    assert hand.fine_tuning.comparison.view.is_shown
    hand.keep("squares")
    card = inspect(available_models()["squares"])
    assert card.title == "squares"
    assert card.parent_sha256 == inspect(blank).sha256
    assert card.data == "squares: truth [0:2,0:72,0:84]. Held out: truth [2:4,0:72,0:84]."
    assert card.scores["VOI on the held-out crops"] == pytest.approx(record.best.voi, abs=1e-4)
    assert card.voxel_size == (40, 5, 6)
    assert not list(own_runs.iterdir())
