import numpy as np
import pytest
from drawings import drawn
from skimage.measure import marching_cubes

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.core.surfaces import Surface, neuron_surface, strides_of, whole_surface

SIZE = VoxelSize(40, 5, 6)

BRANCH = """
    ........33..
    ........33..
    ............
    ............
    11......2222

    .......3....
    .......3....
    .......3....
    .......3....
    11112222....
"""
"""A thick part, and 3 with a process one voxel wide."""


def volume_inside(made) -> float:
    """Signed, in nm^3: positive where the faces look outwards once z, y, x are mirrored."""
    vertices = made.vertices.astype(float)[:, ::-1]
    a, b, c = (vertices[made.faces[:, i]] - vertices.mean(0) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_closed(made) -> bool:
    edges = np.sort(made.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def neuron(fragments, *members, **budget):
    return neuron_surface(
        fragments, np.array(members, np.uint32), drive(find_fragment_boxes(fragments)), SIZE, **budget
    )


@pytest.fixture
def noise():
    """40 fragments scattered over a volume whose sides are no powers of two."""
    return np.random.default_rng(3).integers(0, 41, (9, 22, 35), np.uint32)


def whole(fragments, *members, **start):
    return whole_surface(fragments, np.array(members, np.uint32), drive(find_fragment_boxes(fragments)), SIZE, **start)


def test_a_surface_lies_between_voxels():
    fragments = np.zeros((2, 3, 4), np.uint32)
    fragments[1, 1:3, 2:4] = 1
    made = whole(fragments, 1, start=(10, 20, 30))
    np.testing.assert_allclose(made.vertices.min(0), (np.array([11, 21, 32]) - 0.5) * SIZE)
    np.testing.assert_allclose(made.vertices.max(0), (np.array([11, 22, 33]) + 0.5) * SIZE)
    assert made.vertices.dtype == np.float32 and made.faces.dtype == np.int32 and made.strides == (1, 1, 1)
    assert is_closed(made) and volume_inside(made) > 0


def triangles(made) -> set:
    """Corners of each face, whichever comes first; a face keeps its direction."""
    found = set()
    for corners in made.vertices[made.faces].tolist():
        first = corners.index(min(corners))
        found.add(tuple(map(tuple, corners[first:] + corners[:first])))
    return found


@pytest.mark.parametrize("members", [(3,), (1, 2, 3, 4, 5, 6)])
def test_a_surface_by_blocks_is_that_of_the_whole(noise, members, monkeypatch):
    noise[noise > 6] = 0
    monkeypatch.setattr("napari_emcad.core.surfaces.BLOCK", (2, 4, 8))
    made = whole(noise, *members)
    vertices, faces, *_ = marching_cubes(np.pad(np.isin(noise, members), 1).astype(np.float32), 0.5)
    at_once = Surface(((vertices - 1) * SIZE).astype(np.float32), faces)
    assert len(made.vertices) == len(vertices) == len(np.unique(made.vertices, axis=0))
    assert triangles(made) == triangles(at_once) and len(made.faces) == len(faces)


@pytest.mark.parametrize("budget", [10**6, 4000, 500, 30])
def test_a_neuron_lies_where_its_voxels_are(noise, budget):
    noise[noise > 3] = 0
    members = (1, 3)
    before = noise.copy()
    made = neuron(noise, *members, budget=budget)
    places = np.argwhere(np.isin(noise, members))
    cell = np.array(made.strides) * SIZE
    low, high = (places.min(0) - 0.5) * SIZE, (places.max(0) + 0.5) * SIZE
    assert (made.vertices.min(0) > low - cell).all() and (made.vertices.min(0) < low + cell).all()
    assert (made.vertices.max(0) < high + cell).all() and (made.vertices.max(0) > high - cell).all()
    apart = np.abs(made.vertices[:, None] - (places * SIZE)[None]) / cell
    assert (apart.max(axis=2).min(axis=1) <= 1).all()
    np.testing.assert_array_equal(noise, before)


@pytest.mark.parametrize("budget", [10**6, 900])
def test_blocks_make_no_difference(noise, budget, monkeypatch):
    noise[noise > 12] = 0
    noise[2:7, 4:18, 5:30] = 0
    monkeypatch.setattr("napari_emcad.core.surfaces.SPARSE", 1)
    whole = neuron(noise, 2, 5, 11, budget=budget)
    monkeypatch.setattr("napari_emcad.core.surfaces.BLOCK", (2, 4, 8))
    parts = neuron(noise, 2, 5, 11, budget=budget)
    assert whole.strides == parts.strides and (whole.strides != (1, 1, 1)) == (budget == 900)
    np.testing.assert_array_equal(whole.vertices, parts.vertices)
    np.testing.assert_array_equal(whole.faces, parts.faces)


def test_a_thin_process_is_not_lost():
    fragments = np.kron(drawn(BRANCH), np.ones((1, 8, 8), np.uint32))
    fragments[1, :, 56:64] = 0
    fragments[1, :32, 59] = 3  # one voxel wide
    made = neuron(fragments, 3, budget=60)
    assert made.strides[1] == 8 and is_closed(made) and volume_inside(made) > 0
    deep = made.vertices[made.vertices[:, 0] > 30]
    middle = deep[(deep[:, 1] > 8 * 5) & (deep[:, 1] < 24 * 5)]
    assert len(middle) and np.ptp(middle[:, 2]) > 0.2 * made.strides[2] * SIZE.x
    np.testing.assert_allclose(middle[:, 2].mean(), 59 * SIZE.x, atol=made.strides[2] * SIZE.x)


def test_only_where_the_neuron_is_read():
    class Watched:
        def __init__(self, array):
            self.array, self.read = array, 0

        def __getitem__(self, key):
            part = self.array[key]
            self.read += part.size
            return part

    fragments = np.zeros((16, 640, 640), np.uint32)
    for i, start in enumerate((0, 500), start=1):  # two small ones far apart
        fragments[4:6, start : start + 20, start : start + 30] = i
    boxes, watched = drive(find_fragment_boxes(fragments)), Watched(fragments)
    made = neuron_surface(watched, np.array([1, 2]), boxes, SIZE, budget=10**9)
    assert watched.read < fragments.size / 10 and is_closed(made)


def test_empty_blocks_do_not_count():
    fragments = np.zeros((16, 640, 640), np.uint32)
    for i, start in enumerate((0, 560), start=1):
        fragments[4:12, start : start + 60, start : start + 80] = i
    assert neuron(fragments, 1, 2, budget=500_000).strides == (1, 1, 1)
    fragments[4:12, ::80] = 2
    assert neuron(fragments, 1, 2, budget=500_000).strides == (1, 4, 4)


@pytest.mark.parametrize(
    ("shape", "size", "budget", "expected"),
    [
        ((20, 100, 200), (30, 6, 6), 10**6, (1, 1, 1)),
        ((20, 414, 854), (30, 6, 6), 2_000_000, (1, 2, 2)),
        ((20, 100, 200), (50, 4, 7), 200_000, (1, 2, 1)),
        ((1000, 4000, 4000), (30, 6, 6), 10**6, (16, 64, 64)),
        ((512, 512, 512), (8, 8, 8), 10**6, (8, 8, 8)),
        ((100, 100, 100), (40, 5, 6), 40_000, (1, 8, 8)),
        ((1, 4000, 1), (30, 6, 6), 100, (1, 64, 1)),
    ],
)
def test_strides(shape, size, budget, expected):
    strides = strides_of(shape, VoxelSize(*size), budget)
    assert strides == expected
    assert np.prod(-(-np.array(shape) // strides)) <= budget
