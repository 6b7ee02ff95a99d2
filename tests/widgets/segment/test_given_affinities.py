"""Affinities of another network in the dock, without a window."""

import numpy as np
import pytest
from drawings import neuropil
from foreign_hands import cells, hdf5, npy

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.pipeline import agglomerate
from napari_emcad.widgets.desk.region import BOX, SECTION
from napari_emcad.widgets.segment.given_affinities import GivenAffinities, Reading

OURS = cells((4, 48, 64))


@pytest.fixture
def stack():
    """Drawn tissue of four sections: three would look like channels."""
    return neuropil((4, 48, 64), seed=0)


@pytest.fixture
def given(desk, open_stack, stack):
    open_stack(stack)
    made = GivenAffinities(desk)
    yield made
    made.close()


@pytest.fixture
def open_file(given, loop):
    def open_(path, reading=None):
        given.open(path)
        loop.work()
        if reading is not None:
            given.read_as(reading)
            loop.work()

    return open_


def test_before_a_file_is_chosen(desk, given):
    assert (given.name, given.line) == ("", "")
    assert "Open a file first" in given.why_not
    given.segment()
    assert "Open a file first" in desk.message.text


def test_what_is_in_the_file_is_said_and_its_neurons_are_shown(desk, loop, given, open_file, tmp_path):
    open_file(hdf5(tmp_path / "affs", np.moveaxis(OURS / 255, 0, -1)))
    assert "affs.h5, volumes/pred_affs" in given.line
    assert 'name others with "Axes".' in given.line and 'name others with "Offsets".' in given.line
    assert given.why_not == "" and not given.has_problem
    given.segment()
    assert desk.runs.under_way is not None and given.why_not == "A job is running."
    loop.settle()
    result = desk.results.current
    assert np.array_equal(result.affinities, OURS)
    assert "Done: 4 sections" in desk.message.text
    same = drive(agglomerate(OURS, SegmentParameters(), result.plan, result.box))
    assert np.array_equal(result.segmentation.fragments, same.fragments)
    assert result.neurons.cut.threshold == desk.threshold.value == 0.2
    assert result.card.title == "affinities in affs.h5, volumes/pred_affs"
    made_by = result.provenance()
    assert made_by["affinities"]["source"] == str(given.path) and made_by["model_sha256"] == ""
    desk.threshold.move(0.6)
    loop.settle()
    assert desk.results.current.neurons.cut.threshold == 0.6


def test_the_file_is_read_as_a_person_says(desk, loop, given, open_file, tmp_path):
    path = npy(tmp_path / "affs", np.concatenate([OURS[::-1], OURS]).astype(np.float32))
    open_file(path)
    assert given.has_problem and '"Offsets"' in given.line and "--" not in given.line
    assert given.why_not == given.line
    offsets = " ".join(",".join(map(str, one)) for one in (*NEAREST[::-1], (-2, 0, 0), (0, -2, 0), (0, 0, -2)))
    open_file(path, Reading(axes="c, z, y, x", offsets=offsets, values="0 255"))
    assert "3 of its channels are left out" in given.line
    given.segment()
    loop.settle()
    assert np.array_equal(desk.results.current.affinities, OURS)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(offsets="-1,0"), "offsets: three whole numbers"),
        (Reading(values="1"), "values: two numbers"),
        (Reading(values="high low"), "values: two numbers"),
        (Reading(dataset="nothing"), "nothing"),
        (Reading(axes="zzyx"), "axes c, z, y and x"),
        (Reading(boundaries=True), "stack"),
    ],
)
def test_what_cannot_be_read_so_is_said(given, open_file, tmp_path, reading, words):
    open_file(hdf5(tmp_path / "affs", OURS), reading)
    if reading.boundaries:  # the file holds a stack, too
        open_file(npy(tmp_path / "affs", OURS), reading)
    assert given.has_problem and words in given.line
    assert given.why_not == given.line


def test_another_file_forgets_what_was_typed(given, open_file, tmp_path):
    open_file(npy(tmp_path / "affs", OURS), Reading(values="0 1"))
    open_file(npy(tmp_path / "other", OURS))
    assert given.reading == Reading() and given.name == "other.npy"


def test_wrong_values_end_the_run_and_nothing_is_kept(desk, loop, given, open_file, tmp_path):
    open_file(npy(tmp_path / "affs", OURS * 0.5 - 60))
    given.segment()
    loop.settle()
    assert "logits" in desk.message.text
    assert desk.results.current is None and [layer.name for layer in desk.viewer.layers] == ["stack"]


def test_affinities_that_do_not_fit_the_stack_are_refused(desk, given, open_file, tmp_path):
    open_file(npy(tmp_path / "affs", OURS[:, :, :40]))
    given.segment()
    assert "(4, 48, 64)" in desk.message.text and "(4, 40, 64)" in desk.message.text
    assert desk.runs.under_way is None


def test_the_region_counts(desk, loop, given, open_file, tmp_path):
    open_file(npy(tmp_path / "affs", OURS))
    desk.region.kind = SECTION
    given.segment()
    loop.settle()
    result = desk.results.current
    assert result.is_trial and result.box.shape == (1, 48, 64)
    assert np.array_equal(result.affinities, OURS[:, result.box.slices[0]])
    desk.region.kind = BOX
    given.segment()
    assert "box" in desk.message.text.lower()


def test_values_that_look_turned_round_are_told(desk, loop, given, open_file, tmp_path):
    open_file(npy(tmp_path / "affs", 255 - OURS))
    given.segment()
    loop.settle()
    assert "on average" in desk.message.text
