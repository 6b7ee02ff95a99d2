"""Surfaces of neurons, followed edit by edit: two neurons of three columns each, on a canvas of paper."""

import numpy as np
import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.surfaces import neuron_surface
from napari_emcad.widgets.proofread import surface_scene, surfaces
from napari_emcad.widgets.proofread.surface_scene import NOTHING, Hit, SurfaceScene
from napari_emcad.widgets.proofread.surfaces import Composition, nearest_voxel

SCALE = np.array((40, 5, 6))


class Paper:
    """A canvas on which nothing is drawn."""

    def __init__(self):
        self.surfaces, self.units, self.colours = {}, {}, {}
        self.fits = self.clears = 0

    def put(self, neuron, surface, units):
        self.surfaces[neuron], self.units[neuron] = surface, units

    def remove(self, neuron):
        del self.surfaces[neuron]

    def clear(self):
        self.surfaces.clear()
        self.clears += 1

    def colour(self, colour_of):
        self.colours = {neuron: colour_of(neuron) for neuron in self.surfaces}

    def fit(self):
        self.fits += 1


class Scene:
    """A scene of the session that is on, and the compositions of the surfaces that it has made."""

    def __init__(self, session, loop):
        self.at, self.loop, self.paper = session, loop, Paper()
        self.made: list[list[int]] = []
        self.scene = SurfaceScene(session, self.paper, loop)

    def make(self, fragments, members, *rest):
        self.made.append(members.tolist())
        return neuron_surface(fragments, members, *rest)

    def neuron(self, fragment: int) -> int:
        return int(self.at.session.state.table[fragment])

    def show(self, *neurons: int) -> None:
        self.scene.show_neurons(neurons)
        self.loop.settle()

    def merge(self) -> None:
        self.at.edit(lambda: self.at.session.merge(1, 6, confirmed=True))

    def undo(self) -> None:
        self.at.edit(self.at.session.undo)

    def redo(self) -> None:
        self.at.edit(self.at.session.redo)

    def part(self) -> tuple[int, int]:
        """Part fragment 2 in its left and right half."""
        near, far = [(1, 20, 11)], [(1, 20, 18)]
        self.at.session.split_fragment(near, far)
        return tuple(int(self.at.session.state.base.fragments[v[0]]) for v in (near, far))

    def columns(self, neuron: int) -> tuple[float, float]:
        """Where a surface begins and ends on x, in voxels."""
        x = self.paper.surfaces[neuron].vertices[:, 2] / SCALE[2]
        return float(x.min()), float(x.max())


@pytest.fixture
def seen(session, loop, monkeypatch):
    made = Scene(session, loop)
    monkeypatch.setattr(surfaces, "neuron_surface", made.make)
    return made


@pytest.fixture
def ends(seen):
    """The two neurons."""
    return seen.neuron(1), seen.neuron(4)


def test_a_neuron_lies_where_its_voxels_are(seen, ends):
    assert seen.scene.words == NOTHING
    seen.show(ends[0])
    assert seen.scene.shown == [ends[0]] and seen.scene.words == "1 neuron"
    low, high = (np.array([0, 4, 0]) - 0.5) * SCALE, (np.array([2, 43, 29]) + 0.5) * SCALE
    vertices = seen.paper.surfaces[ends[0]].vertices
    np.testing.assert_array_less(np.abs(vertices.min(0) - low), 0.31 * SCALE)
    np.testing.assert_array_less(np.abs(vertices.max(0) - high), 0.31 * SCALE)
    assert seen.paper.units[ends[0]] == ["nanometer"] * 3


def test_colours_are_those_of_the_neurons(seen, ends):
    seen.show(*ends)
    layer, colours = seen.at.layer, seen.paper.colours

    def agree():
        return all(np.allclose(seen.paper.colours[n], layer.get_color(n)) for n in ends)

    assert agree() and not np.allclose(*colours.values())
    layer.new_colormap(seed=5)
    assert agree() and not np.allclose(colours[ends[0]], seen.paper.colours[ends[0]])
    layer.selected_label, layer.show_selected_label = ends[0], True
    seen.scene.refresh()
    assert seen.paper.colours[ends[1]][3] == 1, "hidden in the sections only"


def test_no_surface_is_made_twice(seen, ends):
    for wanted in ((ends[0],), ends, (ends[1],), (ends[0],)):
        seen.show(*wanted)
    seen.at.show()
    seen.loop.settle()
    assert seen.made == [[1, 2, 3], [4, 5, 6]]
    seen.merge()
    seen.loop.settle()
    seen.undo()
    assert seen.scene.is_settled, "nothing to be made"
    seen.redo()
    assert seen.scene.is_settled and seen.made == [[1, 2, 3], [4, 5, 6], [1, 2, 3, 4, 5, 6]]


def test_the_old_surfaces_stay_until_the_new_one_is_there(seen, ends):
    one, other = ends
    seen.show(one, other)
    fits = seen.paper.fits
    seen.merge()
    assert not seen.scene.is_settled and "making surface 1 of 1" in seen.scene.words
    assert seen.scene.shown == [one, other]
    assert seen.columns(one)[1] < 30 < seen.columns(other)[0] + 1
    seen.loop.settle()
    assert seen.scene.shown == [one] and list(seen.paper.surfaces) == [one]
    assert seen.columns(one)[0] < 0 and seen.columns(one)[1] > 59
    seen.undo()
    assert seen.scene.shown == [one, other] and seen.columns(one)[1] < 30
    assert seen.paper.fits == fits


def test_one_that_is_merged_away_shows_as_what_it_is_part_of(seen, ends):
    one, other = ends
    seen.show(other)
    seen.merge()
    seen.loop.settle()
    assert seen.scene.shown == [one] and seen.columns(one)[1] > 59
    seen.show(one)  # it is selected now
    seen.undo()
    seen.show(other)
    assert seen.scene.shown == [other] and seen.paper.fits == 1


def test_the_camera_moves_only_for_other_neurons(seen, ends):
    one, other = ends
    seen.show(one)
    seen.show(one, other)
    seen.show(one)
    assert seen.paper.fits == 1
    seen.show(other)
    assert seen.paper.fits == 2


def test_the_newest_wish_wins(seen, ends):
    one, other = ends
    seen.scene.show_neurons([one])
    seen.scene.show_neurons([other])
    seen.loop.settle()
    assert seen.scene.shown == [other] and seen.made == [[4, 5, 6]]
    seen.scene.show_neurons([])
    assert seen.scene.shown == [] and seen.scene.words == NOTHING and not seen.paper.surfaces


def test_surfaces_are_stopped_until_others_are_asked_for(seen, ends):
    seen.show(ends[0])
    seen.scene.show_neurons(ends)
    assert seen.scene.is_making
    seen.scene.stop()
    seen.loop.settle()
    assert not seen.scene.is_making and seen.scene.words == "2 neurons, stopped after 1"
    seen.at.show()  # as after an edit elsewhere
    assert not seen.scene.is_making
    seen.show(*ends)
    assert seen.scene.words == "2 neurons"


def test_a_neuron_that_is_not_there_is_not_shown(seen, ends):
    seen.show(ends[0], 77)
    assert seen.scene.shown == [ends[0]]


def test_where_the_window_cannot_wait_surfaces_come_one_after_the_other(seen, ends, monkeypatch):
    monkeypatch.setattr(surface_scene, "AT_ONCE", -1)
    seen.show()
    seen.scene.show_neurons(ends)
    while len(seen.made) < 2:
        seen.loop.rest()
        next(jobs for jobs in seen.loop._jobs if jobs.running).step()
    seen.loop.settle()
    assert set(seen.scene.shown) == set(ends)
    seen.show()
    seen.scene.show_neurons(ends)  # both are known: one is put, the other one waits
    assert len(seen.scene.shown) == 1 and not seen.scene.is_settled
    assert seen.scene.words == "2 neurons, making surface 2 of 2"
    seen.loop.settle()
    assert len(seen.scene.shown) == 2 and seen.scene.words == "2 neurons"


def test_parts_of_a_fragment(seen, ends):
    one, _ = ends
    seen.show(one)
    near, far = seen.at.edit(seen.part)
    seen.show(seen.neuron(near), seen.neuron(far))
    assert seen.neuron(near) == one != seen.neuron(far)
    assert seen.columns(one)[1] < 20 < 25 < seen.columns(seen.neuron(far))[1]
    seen.undo()
    assert seen.scene.is_settled and seen.columns(one)[1] > 29
    seen.redo()
    assert seen.scene.is_settled and seen.columns(one)[1] < 20


def test_a_fragment_parted_while_its_surface_is_made(seen, ends, monkeypatch):
    one, other = ends
    seen.show(other)
    parts = []

    def part_meanwhile(fragments, members, *rest):
        surface = seen.make(fragments, members, *rest)
        if not parts:
            parts.extend(seen.part())
        return surface

    monkeypatch.setattr(surfaces, "neuron_surface", part_meanwhile)
    seen.show(one)
    assert seen.made[-1] == [1, parts[0]] and seen.columns(one)[1] < 20
    seen.undo()
    seen.loop.settle()
    assert seen.made[-1] == [1, 2, 3], "what was made of a fragment under change is not kept"
    assert seen.columns(one)[0] < 0 and seen.columns(one)[1] > 29


def test_another_voxel_size(seen, ends):
    seen.show(ends[0])
    seen.at.layer.scale = (80, 5, 6)
    seen.loop.settle()
    assert seen.scene.shown == [ends[0]] and np.ptp(seen.paper.surfaces[ends[0]].vertices[:, 0]) > 2 * 80
    assert seen.paper.clears == 1 and seen.paper.fits == 2


def test_what_fails_is_said(seen, ends, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(surfaces, "neuron_surface", fail)
    seen.show(ends[0])
    assert "Memory has run out" in seen.scene.words
    monkeypatch.setattr(surfaces, "neuron_surface", seen.make)
    seen.at.show()
    seen.loop.settle()
    assert seen.scene.shown == [ends[0]] and seen.scene.words == "1 neuron"


def test_surfaces_looked_at_long_ago_go(seen, ends):
    one, other = ends
    seen.scene._surfaces._room = 1
    seen.show(one, other)
    assert seen.scene.shown == [one, other], "what is in use stays"
    seen.show(one)
    seen.merge()
    seen.loop.settle()
    seen.undo()
    seen.loop.settle()
    assert seen.made.count([1, 2, 3]) == 2 and seen.columns(one)[1] < 30


def test_a_click_on_a_surface_is_one_on_its_nearest_voxel(seen, ends):
    seen.show(*ends)
    place = np.array((1, 20, 5)) * SCALE + (0, 0, 2)
    click = seen.scene.click_at(Hit(ends[0], place, True))
    assert click.voxel == (1, 20, 5) and click.is_shifted
    assert seen.scene.click_at(Hit(ends[0], np.array((1, 20, 50)) * SCALE, False)) is None, "the other neuron is there"


def test_closed_it_follows_nothing(seen, ends):
    seen.show(ends[0])
    seen.scene.close()
    seen.merge()
    seen.scene.show_neurons(ends)
    seen.at.layer.new_colormap(seed=3)
    seen.at.layer.scale = (80, 5, 6)
    assert seen.scene.shown == [ends[0]] and seen.scene.is_settled and seen.paper.clears == 0


def test_a_composition_has_the_voxel_size(seen, ends):
    seen.show(ends[0])
    (composition,) = seen.scene._shown.values()
    assert composition.voxel_size == VoxelSize(*map(float, SCALE)) and composition.members.tolist() == [1, 2, 3]


def test_the_nearest_voxel_by_brute_force():
    rng = np.random.default_rng(5)
    fragments = rng.integers(0, 4, (6, 20, 30)).astype(np.uint32)
    members = np.array([1, 3], np.int64)
    composition = Composition(members.tobytes(), VoxelSize(40.0, 5.0, 6.0))
    for _ in range(30):
        place = rng.uniform((0, 0, 0), (5, 19, 29)) * SCALE
        found = nearest_voxel(fragments, composition, (1, 2, 2), place)
        apart = {
            voxel: float((((np.array(voxel) * SCALE) - place) ** 2).sum())
            for voxel in np.ndindex(fragments.shape)
            if fragments[voxel] in members
        }
        assert apart[found] == pytest.approx(min(apart.values()))
    assert nearest_voxel(np.zeros_like(fragments), composition, (1, 2, 2), place) is None
