"""Folders of runs: their names, their places, and who works on them."""

import os
import sys
from pathlib import Path

import pytest

from napari_emcad.finetuning.folder import TrainingOrder
from napari_emcad.training.params import TrainingParameters
from napari_emcad.widgets.finetune.runs import PLACES, RunFolder, new_folder, runs_folder


@pytest.fixture
def ordered(tmp_path):
    """Make the folder of a run that has been asked for."""

    def make():
        return new_folder(tmp_path / "runs", write)

    def write(folder):
        folder.mkdir()
        TrainingOrder(parameters=TrainingParameters(steps=3)).write(folder)

    return make


def test_names_go_up_and_are_not_used_again(tmp_path):
    assert [new_folder(tmp_path / "runs", Path.mkdir).name for _ in range(2)] == ["001", "002"]
    (tmp_path / "runs" / "041").mkdir()
    (tmp_path / "runs" / "99 notes").mkdir()
    assert new_folder(tmp_path / "runs", Path.mkdir).name == "042"


def test_runs_lie_in_their_session(tmp_path, own_runs):
    assert runs_folder(tmp_path) == tmp_path / "finetune"
    assert runs_folder(None) == own_runs


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not hold here")
def test_runs_of_a_session_that_cannot_be_written_to(tmp_path, own_runs):
    tmp_path.chmod(0o500)
    assert runs_folder(tmp_path) == own_runs


def test_the_last_run_that_nobody_works_on_is_found(ordered, tmp_path):
    runs = tmp_path / "runs"
    assert RunFolder.last_in(runs) is None
    first, second = ordered(), ordered()
    new_folder(runs, Path.mkdir)  # without an order it is no run
    held = RunFolder.last_in(runs)
    assert held.folder == second and held.order.parameters.steps == 3
    other = RunFolder.last_in(runs)
    assert other.folder == first
    assert RunFolder.last_in(runs) is None
    held.release()
    found = RunFolder.last_in(runs)
    assert found.folder == second
    found.remove()
    other.remove()
    assert not first.exists() and not second.exists()


def test_places_of_held_out_crops(ordered):
    run = RunFolder(ordered())
    assert run.facts_of(0) == {} and run.crops_scored == 0
    (run.folder / PLACES).write_text('[{"name": "box"}]')
    (run.folder / "held_out_0.npz").touch()
    assert run.facts_of(0) == {"name": "box"} and run.facts_of(1) == {} and run.crops_scored == 1
    (run.folder / PLACES).write_text("cut o")
    assert run.facts_of(0) == {}
    run.release()
