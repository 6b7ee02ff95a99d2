import numpy as np
import pytest
from drawings import neuropil, uneven

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.stack_kind import GreyLevels, spread_sections, stack_kind
from napari_emcad.core.synthetic.optical import synthetic_optical


@pytest.fixture(scope="module")
def em():
    return neuropil((4, 120, 130))


@pytest.fixture(scope="module")
def optical():
    return synthetic_optical((40, 90, 100), seed=1).raw


def test_grey_levels_tell_either_kind_in_any_dtype(em, optical):
    for volume in (em, em.astype(np.uint16) * 100 + 3000, 255 - em, em / 255):
        assert GreyLevels.of(volume).kind == "EM stack"
    for volume in (optical, (optical // 4).clip(0, 255).astype(np.uint8), optical.astype(np.float32) / 999):
        assert GreyLevels.of(volume).kind == "optical volume"


@pytest.mark.parametrize(
    "volume",
    [
        np.random.default_rng(0).normal(120, 12, (9, 60, 60)),  # an optical volume without any neurite
        np.full((2, 8, 9), 7, np.uint16),
        np.full((2, 8, 9), np.nan),
    ],
    ids=["noise", "one level", "NaN"],
)
def test_what_could_be_either_is_neither(volume):
    assert GreyLevels.of(volume).kind == ""


@pytest.mark.parametrize(
    ("pixel", "of_em", "of_optical"),
    [
        (6, "EM stack", ""),
        (350, "", "optical volume"),
        (352_777.8, "EM stack", "optical volume"),  # 72 dots per inch
        (85, "EM stack", "optical volume"),
    ],
)
def test_voxel_size_counts_where_it_does_not_contradict(em, optical, pixel, of_em, of_optical):
    size = VoxelSize(2 * pixel, pixel, pixel)
    assert stack_kind(GreyLevels.of(em), size) == of_em
    assert stack_kind(GreyLevels.of(optical), size) == of_optical
    assert stack_kind(GreyLevels.of(em)) == "EM stack"


def test_few_sections_are_read_and_only_their_middle():
    class Spy:
        shape = (100, 3000, 20)

        def __getitem__(self, key):
            z, rows, columns = key
            read.append((z, rows.stop - rows.start, columns.stop - columns.start))
            return np.zeros((1, 1))

    read = []
    GreyLevels.of(Spy())
    assert len(read) == 8
    assert {size[1] for size in read} == {1024}
    assert spread_sections(uneven((3, 2, 2))) == [0, 1, 2]
