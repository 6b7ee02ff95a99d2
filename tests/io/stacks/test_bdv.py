import h5py
import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack import open_levels, open_stack

SETUP = "<ViewSetup><id>{0}</id><voxelSize><unit>{1}</unit><size>{2}</size></voxelSize></ViewSetup>"


@pytest.fixture
def bright(stack):
    """Greys beyond the half of 16 bits, which BigDataViewer stores as numbers below 0."""
    return stack.astype("u2") * 256


def save(folder, stack, setups=1, times=1, unit="um", size="0.005 0.006 0.04", loader="bdv.hdf5"):
    with h5py.File(folder / "a.h5", "w") as file:
        for setup in range(setups):
            file[f"s{setup:02}/resolutions"] = np.array([[1, 1, 1], [2, 2, 1]], float)
            file[f"s{setup:02}/subdivisions"] = np.array([[16, 16, 16]] * 2)
            for time in range(times):
                for level, values in enumerate((stack, stack[:, ::2, ::2])):
                    cells = (values + 10 * time + setup).view("i2")
                    file[f"t{time:05}/s{setup:02}/{level}/cells"] = cells
    views = "".join(SETUP.format(setup, unit, size) for setup in range(setups))
    (folder / "a.xml").write_text(
        f'<SpimData version="0.2"><BasePath type="relative">.</BasePath><SequenceDescription>'
        f'<ImageLoader format="{loader}"><hdf5 type="relative">a.h5</hdf5></ImageLoader>'
        f"<ViewSetups>{views}</ViewSetups></SequenceDescription></SpimData>"
    )
    return folder


@pytest.mark.parametrize("name", ["a.h5", "a.xml"])
def test_either_file(tmp_path, bright, name):
    opened = open_stack(save(tmp_path, bright) / name)
    np.testing.assert_array_equal(opened.array[:], bright)
    assert (opened.array.dtype, opened.voxel_size, opened.size_source) == ("u2", (40, 6, 5), "BigDataViewer's XML")
    assert (opened.dataset, opened.notes) == ("0", ())
    fine, coarse = open_levels(tmp_path / name)
    np.testing.assert_array_equal(coarse.array[:], bright[:, ::2, ::2])
    assert (fine.offset, coarse.voxel_size, coarse.offset) == ((0, 0, 0), (40, 12, 10), (0, 3, 2.5))


@pytest.mark.parametrize(
    ("unit", "size", "want"),
    [("nm", "5 6 40", (40, 6, 5)), ("micron", ".005 .006 .04", (40, 6, 5)), ("pixel", "1 1 1", None), ("um", "", None)],
)
def test_units(tmp_path, bright, unit, size, want):
    assert open_stack(save(tmp_path, bright, unit=unit, size=size) / "a.h5").voxel_size == want


def test_without_the_xml(tmp_path, bright):
    (save(tmp_path, bright) / "a.xml").unlink()
    opened = open_stack(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened.array[:], bright)
    assert (opened.voxel_size, opened.size_source) == (None, "")
    assert "its voxel size stands in an XML file" in opened.notes[0]


def test_setups_and_time_points(tmp_path, bright):
    path = save(tmp_path, bright, setups=2, times=3) / "a.xml"
    with pytest.raises(NotAStack, match="choose one with --time 0 to 2"):
        open_stack(path)
    with pytest.raises(SeveralStacks, match="choose one with --channel 0 to 1"):
        open_stack(path, "[t=0]")
    opened = open_stack(path, "[c=1,t=2]")
    np.testing.assert_array_equal(opened.array[:], bright + 21)
    assert "before any registration" in opened.notes[0]


def test_what_is_not_there_is_named(tmp_path, bright):
    path = save(tmp_path, bright, loader="bdv.n5") / "a.xml"
    with pytest.raises(UserError, match=r'in HDF5 is needed, got the format "bdv.n5"; open its images themselves'):
        open_stack(path)
    save(tmp_path, bright)
    (tmp_path / "a.h5").unlink()
    with pytest.raises(UserError, match=r'the file "a\.h5" that it names is not there'):
        open_stack(path)
    path.write_text("<SpimData")
    with pytest.raises(UserError, match="the XML file cannot be read"):
        open_stack(path)
