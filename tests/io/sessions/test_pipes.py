"""A pipe in the place of each file that can be named: refused in a sentence, and never waited for."""

import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.folder import read_order
from napari_emcad.io.foreign_affinities import AffinityRequest, open_affinity_file
from napari_emcad.io.section_plans import read_plan
from napari_emcad.io.sessions.block_run_facts import read_unfinished_run
from napari_emcad.io.sessions.file_names import RUN_FILE
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.changes import change_since
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.io.training_crops import load_crops
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect
from napari_emcad.networks.find_model import find_model
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.reader import get_reader

SAYS = r"pipe[^ ]*: a file or folder is needed, this is a named pipe; choose another one\.$"


@pytest.fixture
def pipe(tmp_path):
    def make(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        return path

    return make


@pytest.mark.parametrize(
    "suffix", [".tif", ".h5", ".npy", ".npz", ".mrc", ".nrrd", ".nii", ".zarr", ".zip", ".xml", ""]
)
def test_stacks(pipe, suffix):
    path = pipe(f"pipe{suffix}")
    for act in (
        open_stack,
        lambda path: open_affinity_file(AffinityRequest(path)),
        lambda path: get_reader(str(path))(""),
    ):
        with pytest.raises(UserError, match=SAYS):
            act(path)
    assert "written to since" in change_since(str(path), None, "")


def test_a_chunk_of_an_array_and_a_section_of_a_folder(pipe, tmp_path):
    zarr.save_array(tmp_path / "a.zarr", np.zeros((4, 5, 6), np.uint8))
    pipe("a.zarr/pipe")
    pipe("sections/pipe.png")
    for folder in ("a.zarr", "sections"):
        with pytest.raises(UserError, match=SAYS.replace("[^ ]*", ".*")):
            open_stack(tmp_path / folder)


@pytest.mark.parametrize("act", [inspect, ModelCard.load, resolve_model, lambda path: read_plan(path, (1, 2, 3))])
def test_models_cards_and_plans(pipe, act):
    with pytest.raises(UserError, match=SAYS):
        act(pipe("pipe.pt"))


def test_a_model_is_not_looked_for_in_a_pipe(pipe, tmp_path):
    with pytest.raises(UserError, match=r"pipe.pt is not there any more"):
        find_model(str(pipe("pipe.pt")), "0" * 64, tmp_path / "a.emcad")


def test_orders_crops_and_runs(pipe, tmp_path):
    pipe("run/order.json"), pipe(f"blocks/{RUN_FILE}"), pipe("crops/pipe.npz")
    for act, folder in ((read_order, "run"), (load_crops, "crops")):
        with pytest.raises(UserError, match=r"this is a named pipe"):
            act(tmp_path / folder)
    with pytest.raises(UserError, match=r"this is a named pipe|nothing was begun"):
        read_unfinished_run(tmp_path / "blocks")


FILES = [
    *("session.json", "edits.db", "edits.db-wal", "edits.known", "session.lock", "holder.json", "replay.json"),
    *("fragments.zarr/.zarray", "fragments.zarr/0/0/0", "affinities.zarr/0/0/0/0", "boxes/start.npy"),
    *("graph/u.npy", "graph/checksums.json"),
]


@pytest.mark.parametrize("name", FILES)
def test_the_files_of_a_session(folder, name):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match=rf"{Path(name).name}: a file or folder is needed, this is a named pipe"):
        open_session(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
