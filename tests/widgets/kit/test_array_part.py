"""A box of an array, cut out as it is read."""

import numpy as np
import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.kit.array_part import part_of


def test_part_reads_sections_of_a_box():
    fragments = np.random.default_rng(0).integers(0, 6, (3, 4, 5)).astype(np.uint32)
    part = part_of(fragments, Box((1, 1, 2), (3, 4, 4)))
    np.testing.assert_array_equal(np.stack(list(part)), fragments[1:3, 1:4, 2:4])
    np.testing.assert_array_equal(part[1:, ::2, 1], fragments[2:3, 1:4:2, 3])
    with pytest.raises(IndexError):
        part[2]
