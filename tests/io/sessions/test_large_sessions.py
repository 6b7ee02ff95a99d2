"""What is done at one place of a session whose fragments are too many to be read reads that place and no more."""

import numpy as np
import pytest
from large_session import CELL, DEEP, SECTION_BYTES, SHAPE, SIZE, WHOLE_BYTES, bytes_read, neuron_at, write_session

from napari_emcad.core.progress import drive
from napari_emcad.core.surfaces import neuron_surface
from napari_emcad.finetuning import crops as training_data
from napari_emcad.finetuning.crops import CropPlaces, read_session_crops
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.export import Snapshot, export_session
from napari_emcad.io.sessions.export_meshes import export_meshes
from napari_emcad.io.sessions.open_session import find_boxes, open_session
from napari_emcad.io.sessions.replay import replay_session
from napari_emcad.proofreading.review.queue import ReviewQueue

PLACE = (DEEP + 1, 5 * CELL // 2, 5 * CELL // 2)
BESIDE = (DEEP + 1, 5 * CELL // 2, 7 * CELL // 2)
NEAR = 12 * SECTION_BYTES
"""What some sections around a place take; of each a quarter is mapped at least."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("large"))


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.io.sessions.segmentation_files.IN_MEMORY_BYTES", 1000)
    copy_session(written, tmp_path / "large.emcad")
    open_session(tmp_path / "large.emcad").close()
    return tmp_path / "large.emcad"


@pytest.fixture
def opened(folder):
    with open_session(folder) as opened:
        assert isinstance(opened.session.state.base.fragments, ChunkedLabels)
        yield opened


def read(opened) -> int:
    return bytes_read(opened.session.state.base.fragments)


def test_who_looks_through_all_is_seen(opened):
    assert read(opened) == 0
    int(opened.session.state.base.fragments[PLACE])
    assert 0 < read(opened) <= SECTION_BYTES
    np.asarray(opened.session.state.base.fragments).max()
    assert read(opened) >= WHOLE_BYTES


def test_edits(opened):
    session = opened.session
    one, other = (int(session.state.base.fragments[place]) for place in (PLACE, BESIDE))
    session.merge(one, other)
    session.split(session.propose([one], [other])[0])
    session.split_fragment([PLACE], [(PLACE[0], PLACE[1] + 12, PLACE[2])])
    session.undo()
    session.redo()
    session.lock(neuron_at(opened, BESIDE))
    assert read(opened) <= NEAR


def test_opened_again_after_a_split_inside_a_fragment(opened):
    opened.session.split_fragment([PLACE], [(PLACE[0], PLACE[1] + 12, PLACE[2])])
    parted = opened.session.state.base.fragments[PLACE]
    opened.close()
    with open_session(opened.folder) as again:
        boxes = drive(find_boxes(again))
        assert again.session.state.base.fragments[PLACE] == parted and len(boxes) > parted
        assert read(again) <= NEAR


def test_boxes_are_kept(opened):
    boxes = drive(find_boxes(opened))
    assert read(opened) == 0
    fragment = int(opened.session.state.base.fragments[PLACE])
    assert boxes.box_of(np.array([fragment])).start == (DEEP + 1, 2 * CELL, 2 * CELL)


def test_review(opened):
    boxes = drive(find_boxes(opened))
    queue = ReviewQueue(opened.session, boxes=lambda: boxes)
    assert read(opened) == 0
    for answer in ("join", "apart", "unknown"):
        queue.answer(queue.next(), answer)
    assert 0 < read(opened) <= NEAR


def test_a_surface(opened):
    members = opened.session.state.members(neuron_at(opened, PLACE))
    surface = neuron_surface(opened.session.state.base.fragments, members, drive(find_boxes(opened)), SIZE)
    assert len(surface.faces) and read(opened) <= NEAR


def test_meshes_of_some(opened, tmp_path):
    neuron = neuron_at(opened, PLACE)
    drive(export_meshes(tmp_path / "meshes", Snapshot.of(opened), [neuron]))
    assert (tmp_path / "meshes" / f"{neuron}.ply").exists() and read(opened) <= NEAR


@pytest.mark.parametrize("what", ["table", "graph", "neurons", "log", "equivalences"])
def test_tables(opened, tmp_path, what):
    ending = "json" if what == "equivalences" else "csv"
    drive(export_session(what, tmp_path / f"table.{ending}", opened))
    assert read(opened) == 0


def test_crops_of_done_neurons(folder, monkeypatch):
    with open_session(folder) as opened:
        opened.session.lock(neuron_at(opened, PLACE))
    kept = []

    def open_and_keep(*given, **also):
        kept.append(open_session(*given, **also))
        return kept[-1]

    monkeypatch.setattr(training_data, "open_session", open_and_keep)
    (crop,), _ = read_session_crops(folder, None, CropPlaces())
    assert crop.voxels_known == 4 * CELL * CELL
    assert 0 < read(kept[0]) <= NEAR


def test_edits_made_again(folder, written, tmp_path):
    new = write_session(tmp_path, "new.emcad", shift=1)
    with open_session(folder) as old:
        one, other = (int(old.session.state.base.fragments[place]) for place in (PLACE, BESIDE))
        old.session.merge(one, other, voxels=[list(PLACE), list(BESIDE)])
        old.session.lock(neuron_at(old, PLACE), voxels=[list(PLACE)])
    with open_session(folder, to_read=True) as old, open_session(new) as again:
        assert [found.outcome for found in drive(replay_session(old, again))] == ["applied", "applied"]
        assert neuron_at(again, PLACE) == neuron_at(again, BESIDE)
        assert max(read(old), read(again)) <= NEAR


def test_a_copy_has_boxes_and_levels(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.io.sessions.fragment_levels.OVERVIEW", WHOLE_BYTES // 16)
    open_session(folder).close()
    copy_session(folder, tmp_path / "copy.emcad")
    assert {"boxes", "coarser"} <= {path.name for path in (tmp_path / "copy.emcad").iterdir()}
    with open_session(tmp_path / "copy.emcad") as copied:
        fragments = copied.session.state.base.fragments
        assert fragments.shape == SHAPE
        np.testing.assert_array_equal(fragments.levels[1], fragments[:, ::2, ::2])
