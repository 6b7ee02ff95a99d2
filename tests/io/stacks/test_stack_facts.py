"""What is said of a stack that was opened."""

import h5py
import numpy as np
import pytest
import tifffile
from drawings import uneven

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.io.stacks.stack_facts import stack_line, stack_notes, stack_record

RAW = uneven((5, 20, 30))


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["main"] = np.stack([RAW, RAW], -1)
        file["turned"] = RAW.T
        file["turned"].attrs["axis_names"] = ["x", "y", "z"]
        file["spare"] = RAW[..., None]
    return tmp_path / "raw.h5"


@pytest.mark.parametrize(
    ("dataset", "line"),
    [
        ("main[axes=zyxc,c=1]", "raw.h5, main[axes=zyxc,c=1]: 5 x 20 x 30 voxels, from axes z, y, x, c, uint8, "),
        ("turned", "raw.h5, turned: 5 x 20 x 30 voxels, from axes x, y, z, uint8, "),
        ("spare", "raw.h5, spare: 5 x 20 x 30 voxels, from shape 5 x 20 x 30 x 1, uint8, "),
    ],
)
def test_axes_that_were_turned_or_dropped_are_said(file, dataset, line):
    with open_stack(file, dataset) as stack:
        assert stack_line(stack) == f"{line}voxel size unknown (--voxel-size Z Y X, in nm)"
        np.testing.assert_array_equal(stack.array[:], RAW)
    with open_stack(file, dataset, VoxelSize(30, 4, 5)) as stack:
        assert stack_line(stack) == f"{line}30 x 4 x 5 nm (given)"


def test_the_source_of_the_voxel_size_and_the_notes(tmp_path):
    tifffile.imwrite(tmp_path / "AC3_inputs.tif", RAW, photometric="minisblack", metadata={"axes": "TYX"})
    with open_stack(tmp_path / "AC3_inputs.tif") as stack:
        assert stack_line(stack).endswith("5 x 20 x 30 voxels, uint8, 30 x 6 x 6 nm (by the name of the dataset)")
        assert stack_notes(stack) == ["AC3_inputs.tif: its 5 time points are taken for sections, as it has no axis z."]
        assert stack_record(stack) == {
            "path": str(tmp_path / "AC3_inputs.tif"),
            "dataset": None,
            "shape": [5, 20, 30],
            "axes": "",
            "dtype": "uint8",
            "voxel_size_nm": [30, 6, 6],
            "voxel_size_source": "by the name of the dataset",
            "notes": ["its 5 time points are taken for sections, as it has no axis z."],
        }
