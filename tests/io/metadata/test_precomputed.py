import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.precomputed import scale_offset, scale_voxel_size

FINEST = {"key": "4_5_40", "resolution": [4, 5, 40], "voxel_offset": [10, 20, 30]}


def test_voxel_size():
    assert scale_voxel_size(FINEST) == VoxelSize(40, 5, 4)


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        (FINEST, (1200, 100, 40)),
        ({"key": "a", "resolution": [4, 5, 40]}, (0, 0, 0)),
        ({"key": "b", "resolution": [8, 10, 40], "voxel_offset": [5, 10, 30]}, (1200, 102.5, 42)),
        ({"key": "c", "resolution": [8, 10, 80]}, (20, 2.5, 2)),
    ],
)
def test_the_middle_of_a_coarser_voxel_lies_further_in(scale, offset):
    """Brute force: the mean of the places of the finest voxels that the first voxel of the scale covers."""
    assert scale_offset(scale, FINEST) == offset
    corner = [start * step for start, step in zip(scale.get("voxel_offset", [0] * 3), scale["resolution"], strict=True)]
    covered = [step // fine for step, fine in zip(scale["resolution"], FINEST["resolution"], strict=True)]
    places = [
        sum(first + i * fine for i in range(n)) / n
        for first, fine, n in zip(corner, FINEST["resolution"], covered, strict=True)
    ]
    assert tuple(places[::-1]) == offset
