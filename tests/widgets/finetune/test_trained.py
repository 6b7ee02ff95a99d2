"""The panel Fine-tune with the trainer itself, on squares that a tiny student learns in seconds."""

import pytest
import torch
from toy_crops import squares

from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, save_model
from napari_emcad.networks.student import Student, StudentConfig
from napari_emcad.networks.zoo import available_models

pytestmark = pytest.mark.window


@pytest.fixture
def blank(tmp_path):
    """A student that knows nothing."""
    torch.manual_seed(0)
    save_model(Student(StudentConfig(maps=4, embedding_channels=4)), tmp_path / "blank.pt", ModelCard(title="blank"))
    return tmp_path / "blank.pt"


def test_trained_stopped_gone_on_with_and_kept(window, blank, own_runs):
    crop, panel = squares(), window.dock.finetune
    window.dock.sections["finetune"].open()
    window.open(crop.raw, name="squares")
    truth = window.viewer.add_labels(crop.labels, name="truth")
    panel.sources._on_labels(truth, False)
    panel.models.student.open_file(blank)
    window.wait(lambda: panel.models.student.card is not None)
    panel.budget.learning_rate.setValue(0.01)
    panel.budget.minutes.setValue(5)
    panel.start_button.click()
    window.wait(lambda: panel.progress.record.step >= 2 or bool(panel.progress.record.failure))
    assert panel.progress.record.device.startswith("CPU")
    assert panel.progress.record.before.voi > 0
    panel.start_button.click()
    window.wait(lambda: not panel.running)
    assert panel.progress.record.finished["why"] == "stopped"
    stopped_at = panel.progress.record.step
    panel.budget.steps.setValue(25)
    panel.outcome.go_on_button.click()
    window.wait(lambda: not panel.running)
    record = panel.progress.record
    assert record.finished["why"] == "budget"
    assert record.step == stopped_at + 25
    assert record.best.voi < record.before.voi
    panel.outcome.compare_box.click()
    window.wait(lambda: panel.comparison.view.is_shown)
    panel.outcome.name.setText("squares")
    panel.outcome.keep_button.click()
    window.wait(lambda: not panel.running)
    card = inspect(available_models()["squares"])
    assert card.title == "squares"
    assert card.parent_sha256 == inspect(blank).sha256
    assert card.data == "squares: truth [0:2,0:72,0:84]. Held out: truth [2:4,0:72,0:84]."
    assert card.scores["VOI on the held-out crops"] == pytest.approx(record.best.voi, abs=1e-4)
    assert card.voxel_size == (40, 5, 6)
    assert not list(own_runs.iterdir())
