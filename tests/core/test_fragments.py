import math
import os
import threading

import numpy as np
import pytest
from drawings import drawn, membranes, uneven
from plans import any_plan, usable_of
from scipy import ndimage

from napari_emcad.core import fragments
from napari_emcad.core.fragments import (
    BOUNDARY_LEVEL,
    _highest_around,
    _smoothed,
    find_fragments,
    find_section_fragments,
)
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress, drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan

SIGMAS = (0, 1, 2)


def rough(shape, seed=0):
    """Affinities (3, *shape) with cells of about ten pixels."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(3, *shape)), (0, 0, 2, 2))
    return np.clip(255 * (0.7 + 5 * smooth), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("shape", [(1, 40, 30), (5, 32, 47), (3, 1, 20), (3, 20, 1), (2, 1, 1), (2, 2, 3)])
@pytest.mark.parametrize("draw", [rough, lambda shape: uneven((3, *shape))], ids=["cells", "noise"])
def test_fragments_are_numbered_without_gaps_rising_with_z(draw, shape, sigma):
    affinities = draw(shape)
    before = affinities.copy()
    found = drive(find_fragments(affinities, sigma))
    assert (found.shape, found.dtype) == (shape, np.uint32)
    first = 1
    for section in found:
        ids = np.unique(section)
        np.testing.assert_array_equal(ids, np.arange(first, first + len(ids)))
        first += len(ids)
    np.testing.assert_array_equal(affinities, before)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_fragments_are_connected_in_their_section(sigma):
    for section in drive(find_fragments(rough((2, 40, 50)), sigma)):
        assert all(ndimage.label(section == i)[1] == 1 for i in np.unique(section))


def test_a_core_has_the_pieces_of_what_its_surroundings_show():
    affinities, core = rough((2, 60, 70)), (slice(11, 40), slice(5, 33))
    whole, found = (drive(find_fragments(affinities, 1, part)) for part in (None, core))
    first = 1
    for section, expected in zip(found, whole[(slice(None), *core)], strict=True):
        pieces = [ndimage.label(expected == i) for i in np.unique(expected)]
        assert len(np.unique(section)) == sum(n for _, n in pieces)
        for labels, n in pieces:
            assert all(len(np.unique(section[labels == k])) == 1 for k in range(1, n + 1))
        np.testing.assert_array_equal(np.unique(section), np.arange(first, first + len(np.unique(section))))
        first += len(np.unique(section))


def test_smoother_seeds_are_fewer():
    counts = [drive(find_fragments(rough((2, 60, 70)), sigma)).max() for sigma in SIGMAS]
    assert counts[0] > counts[1] > counts[2] > 2


def test_a_leak_of_one_pixel_is_closed_by_smoothing():
    """Two cells with a membrane of three pixels between them, open in its middle row."""
    affinities = np.full((2, 21, 41), 255, np.uint8)
    affinities[:, :, 19:22] = 0
    affinities[:, 10, 19:22] = 255
    raw, smoothed = (fragments._smoothed(fragments.boundary_map(affinities), sigma)[10, 20] for sigma in (0, 0.7))
    assert raw == 0
    assert smoothed > BOUNDARY_LEVEL


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("value", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("shape", [(16, 16), (5, 9), (1, 1), (1, 7)])
def test_a_constant_section_is_one_fragment(value, shape, sigma):
    assert (find_section_fragments(np.full((2, *shape), value, np.uint8), sigma) == 1).all()


@pytest.mark.parametrize("sigma", [0, 1])
def test_neurons_parted_by_a_membrane_are_fragments(sigma):
    labels = drawn("""
        11111111.2222222
        11111111.2222222
        11111111.2222222
        11111111.2222222
        11111111.2222222
        11111111.2222222
        ................
        3333333333333333
        3333333333333333
        3333333333333333
        3333333333333333
    """)
    found = find_section_fragments(membranes(labels)[1:, 0], sigma)
    inner = (membranes(labels)[1:, 0] > 0).all(0)  # away from each neuron's first row and column
    pairs = set(zip(labels[0][inner].tolist(), found[inner].tolist(), strict=True))
    assert {label for label, _ in pairs} == {1, 2, 3}
    owners = {fragment: label for label, fragment in pairs}
    assert len(owners) == len(pairs), "a fragment lies in two neurons"


def test_a_plateau_is_one_seed():
    """Four pixels share the largest distance, the two of each pair only by their corners."""
    inside = drawn("""
        .......
        .11111.
        .11111.
        .11111.
        .......
    """)[0].astype(bool)
    affinities = np.stack([inside * np.uint8(255)] * 2)
    assert find_section_fragments(affinities, 0).max() == 1


def test_the_number_of_threads_does_not_show(monkeypatch):
    affinities = rough((6, 30, 40))
    found = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        found.append(drive(find_fragments(affinities)))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_fragment_of_the_stack_is_one_of_its_section():
    affinities = rough((3, 30, 40))
    found = drive(find_fragments(affinities, 1))
    for z in range(3):
        np.testing.assert_array_equal(found[z] - found[z].min() + 1, find_section_fragments(affinities[1:, z], 1))


def test_progress_goes_by_sections():
    steps = list(find_fragments(rough((3, 8, 9))))
    assert [(s.stage, s.done, s.total) for s in steps] == [("fragments", z, 3) for z in (1, 2, 3)]
    assert isinstance(steps[0], Progress)


def test_closing_the_job_stops_its_threads(monkeypatch):
    started, never = [], threading.Event()

    def slow(affinities, *sigmas, usable):
        started.append(threading.current_thread())
        never.wait(0.02)
        return np.ones(affinities.shape[1:], np.uint32)

    monkeypatch.setattr(fragments, "find_section_fragments", slow)
    job = find_fragments(np.zeros((3, 2000, 1, 2), np.uint8))
    next(job)
    job.close()
    assert 0 < len(started) < 2000
    assert not any(thread.is_alive() for thread in started)


def test_an_error_in_a_section_comes_out_and_stops_the_threads():
    class Broken:
        shape = (3, 500, 4, 5)

        def __getitem__(self, key):
            if key[1] == 3:
                raise OSError("section 3 cannot be read")
            return np.zeros((2, 4, 5), np.uint8)

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="section 3 cannot be read"):
        drive(find_fragments(Broken()))
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("ThreadPoolExecutor")]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (40, 31)])
def test_peaks_are_compared_with_all_their_neighbours(shape):
    section = np.random.default_rng(3).random(shape, np.float32)
    np.testing.assert_array_equal(_highest_around(section), ndimage.maximum_filter(section, 3))


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_smoothing_is_gaussian(sigma):
    section = np.random.default_rng(4).random((50, 60), np.float32)
    expected = ndimage.gaussian_filter(section, sigma, mode="mirror", radius=math.ceil(3 * sigma))
    np.testing.assert_allclose(_smoothed(section, sigma), expected, atol=2e-5)
    assert _smoothed(section, 0) is section


# ---- where there is nothing to see -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("seed", range(8))
def test_fragments_lie_in_what_is_usable_and_are_connected(seed, sigma):
    shape = (6, 40, 50)
    plan = any_plan(shape, seed, cell=7)
    usable, planned = usable_of(plan), PlannedBox(plan, Box.whole(shape))
    found = drive(find_fragments(rough(shape, seed), sigma, planned=planned))
    np.testing.assert_array_equal(found > 0, usable)
    first = 1
    for section in found:
        ids = np.unique(section[section > 0])
        np.testing.assert_array_equal(ids, np.arange(first, first + len(ids)))
        if not section.all():
            assert all(ndimage.label(section == i)[1] == 1 for i in ids)
        first += len(ids)


def test_affinities_of_what_is_not_usable_have_no_influence():
    affinities, usable = rough((1, 60, 70))[1:, 0], np.ones((60, 70), bool)
    usable[10:30, 20:44] = False
    usable[:, :5] = False
    found = [
        find_section_fragments(np.where(usable, affinities, np.uint8(value)), 1, usable=usable) for value in (0, 99)
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_a_hole_changes_only_the_fragments_beside_it():
    """Cells of twelve pixels: those that do not touch the hole, or its neighbours, are what they were."""
    affinities = np.full((2, 60, 96), 230, np.uint8)
    affinities[:, ::12] = affinities[:, :, ::12] = 0
    usable = np.ones(affinities.shape[1:], bool)
    usable[:, 41:] = False
    whole, found = find_section_fragments(affinities, 1), find_section_fragments(affinities, 1, usable=usable)
    middle = np.s_[6::12, 6:36:12]
    assert len(set(whole[middle].ravel())) == len(set(found[middle].ravel())) == whole[middle].size
    pairs = np.unique(np.stack([whole[:, :24].ravel(), found[:, :24].ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(whole[:, :24]))
    beside = set(found[6::12, 39].tolist())  # cells of which the hole leaves four pixels
    assert len(beside) == 5
    assert not beside & set(found[middle].ravel().tolist())


def test_sections_that_are_left_out_are_not_read():
    values, read = rough((4, 20, 30)), []

    class Spy:
        shape = values.shape

        def __getitem__(self, key):
            read.append(key[1])
            return values[key]

    plan = SectionPlan.as_is((4, 20, 30)).leaving_out(1).leaving_out(2)
    found = drive(find_fragments(Spy(), planned=PlannedBox(plan, Box.whole(plan.shape))))
    assert sorted(read) == [0, 3]
    assert not found[1:3].any()
    assert found[3].min() == found[0].max() + 1


def test_a_core_with_holes_has_the_pieces_of_what_is_usable():
    shape, core = (3, 60, 70), (slice(11, 40), slice(5, 33))
    plan = any_plan(shape, 3, cell=9)
    planned = PlannedBox(plan, Box.whole(shape))
    whole, found = (drive(find_fragments(rough(shape), 1, part, planned)) for part in (None, core))
    np.testing.assert_array_equal(found > 0, usable_of(plan)[:, *core])
    pairs = np.unique(np.stack([whole[:, *core].ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(found))
