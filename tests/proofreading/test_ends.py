"""Ends of neurons, pieces that touch no face, and shapes that no neuron has."""

from dataclasses import replace

import numpy as np
import pytest

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.proofreading.ends import find_spots
from napari_emcad.proofreading.ways import Pieces

SIDE = 100
"""Voxels of a volume, 100 nm each."""


def pieces(*neurons: list[tuple[int, int, int]], size: int = 1000, half: int = 2) -> Pieces:
    """Neurons of one fragment round each of these voxels, that touch where they are near."""
    middles = np.array([middle for neuron in neurons for middle in neuron])
    n = len(middles)
    table = np.repeat(np.arange(1, len(neurons) + 1), [len(neuron) for neuron in neurons])
    start, stop = (np.zeros((n + 1, 3), np.int32) for _ in range(2))
    start[1:], stop[1:] = np.maximum(middles - half, 0), np.minimum(middles + half, SIDE)
    far = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    u, v = np.nonzero(np.triu((far <= 5) & (table[:, None] == table[None]), 1))
    sizes = np.full(n + 1, size)
    sizes[0] = 0
    boxes = FragmentBoxes(start, stop)
    shape = (SIDE, SIDE, SIDE)
    return Pieces(np.append(0, table).astype(np.uint32), sizes, u + 1, v + 1, boxes, shape, VoxelSize(100, 100, 100))


def line(start: tuple[int, int, int], step: tuple[int, int, int], n: int) -> list[tuple[int, int, int]]:
    return [tuple(int(a + i * b) for a, b in zip(start, step, strict=True)) for i in range(n)]


def test_a_neuron_that_crosses_the_volume_has_no_ends() -> None:
    found = find_spots(pieces(line((50, 50, 2), (0, 0, 5), 20)))
    assert not found.places
    assert (found.quality.crossing, found.quality.ends) == (1.0, 0)
    assert found.quality.length == pytest.approx(95 * 100, rel=0.01)


def test_a_neuron_ends_inside_at_its_tip() -> None:
    found = find_spots(pieces(line((50, 50, 2), (0, 0, 5), 11), line((20, 50, 2), (0, 0, 5), 20)))
    (end,) = found.places
    assert (end.kind, end.neuron, end.voxel) == ("end", 1, (50, 50, 52))
    assert found.quality.ends_per_100_um == pytest.approx(100 / (5.0 + 9.5), rel=0.02)
    assert "ends on 100 µm" in found.quality.text


def test_bumps_are_no_ends_and_branches_are() -> None:
    trunk = line((50, 50, 2), (0, 0, 5), 20)
    assert not find_spots(pieces([*trunk, (50, 54, 52)])).places
    branched = find_spots(pieces([*trunk, *line((50, 55, 52), (0, 5, 0), 4)]))
    assert [spot.kind for spot in branched.places] == ["end"]


def test_four_arms_at_one_place_are_looked_at() -> None:
    arms = [*line((50, 55, 52), (0, 5, 0), 9), *line((50, 45, 52), (0, -5, 0), 9)]
    found = find_spots(pieces([*line((50, 50, 2), (0, 0, 5), 20), *arms]))
    assert [(spot.kind, spot.voxel) for spot in found.places if spot.kind != "end"] == [("crossing", (50, 50, 52))]


def test_pieces_that_touch_no_face_are_one_line_each_and_crumbs_none() -> None:
    far_inside = line((50, 50, 30), (0, 0, 5), 8)
    assert [spot.kind for spot in find_spots(pieces(far_inside)).places] == ["orphan"]
    assert not find_spots(pieces(far_inside[:1], size=10)).places


@pytest.mark.parametrize(("depth", "kinds"), [(SIDE, []), (6, ["orphan"])])
def test_in_a_thin_volume_a_face_is_touched_from_less_far(depth, kinds) -> None:
    """The first section that it is in is 100 nm from a face."""
    found = pieces(line((2, 30, 20), (0, 0, 5), 12), half=1)
    assert [spot.kind for spot in find_spots(replace(found, shape=(depth, SIDE, SIDE))).places] == kinds


def test_two_cell_bodies_in_one_neuron() -> None:
    bodies = pieces(line((50, 50, 50), (0, 0, 5), 1), size=40**3, half=20)
    assert not [spot for spot in find_spots(bodies).places if spot.kind == "two somata"]
    two = pieces([(50, 20, 20), (50, 80, 95)], size=30**3, half=16)
    two = Pieces(two.table, two.sizes, np.array([1]), np.array([2]), two.boxes, (SIDE,) * 3, VoxelSize(100, 200, 200))
    assert [spot.kind for spot in find_spots(two).places if spot.kind != "end"] == ["two somata"]


def test_nothing_is_found_in_nothing() -> None:
    none = pieces([(50, 50, 50)], size=0)
    assert find_spots(none).places == ()
