import h5py
import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names


def letters(text):
    return np.frombuffer(text if isinstance(text, bytes) else str(text).encode(), "S1")


def save(path, stack, times=1, channels=1, unit="um", nm=1e-3, start=(0, 0, 0), sized=True):
    """Levels of 1 and 2 x 2, padded by 3 voxels a side; voxels of 40 x 6 x 5 nm; greys tell channel and time."""
    with h5py.File(path, "w") as file:
        file.attrs["ImarisDataSet"] = letters("ImarisDataSet")
        image = file.create_group("DataSetInfo/Image")
        if unit:
            image.attrs["Unit"] = letters(unit)
        for number, (axis, size) in enumerate(zip("XYZ", (5, 6, 40), strict=True)):
            voxels, first = stack.shape[2 - number], start[2 - number]
            image.attrs[axis] = letters(voxels)
            image.attrs[f"ExtMin{number}"] = letters(f"{first * nm:.9g}")
            image.attrs[f"ExtMax{number}"] = letters(f"{(first + voxels * size) * nm:.9g}")
        for level, values in enumerate((stack, stack[:, ::2, ::2])):
            for time, channel in np.ndindex(times, channels):
                group = file.create_group(
                    f"DataSet/ResolutionLevel {level}/TimePoint {time}/Channel {channel}", track_order=False
                )
                group["Data"] = np.pad(values + 10 * time + channel, ((0, 3),) * 3)
                group["Histogram"] = np.zeros(256, "u8")
                for axis, voxels in zip("ZYX", values.shape, strict=True):
                    if sized or level:
                        group.attrs[f"ImageSize{axis}"] = letters(voxels)
    return path


@pytest.mark.parametrize("sized", [True, False])
def test_a_stack_without_its_padding(tmp_path, stack, sized):
    opened = open_stack(save(tmp_path / "a.ims", stack, sized=sized))
    np.testing.assert_array_equal(opened.array[:], stack)
    np.testing.assert_array_equal(opened.array[1:3, 4, ::3], stack[1:3, 4, ::3])
    assert (opened.voxel_size, opened.offset, opened.size_source) == ((40, 6, 5), (0, 0, 0), "Imaris file")
    assert opened.dataset == "ResolutionLevel 0"


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 1), ("um", 1e-3), ("µm", 1e-3), (b"\xb5m", 1e-3), ("mm", 1e-6), ("", 1e-3)]
)
def test_units(tmp_path, stack, unit, nm):
    assert open_stack(save(tmp_path / "a.ims", stack, unit=unit, nm=nm)).voxel_size == (40, 6, 5)


def test_levels_lie_on_each_other(tmp_path, stack):
    path = save(tmp_path / "a.ims", stack[:, :, :36], start=(80, 12, 10))
    fine, coarse = open_levels(path)
    np.testing.assert_array_equal(fine.array[:], stack[:, :, :36])
    np.testing.assert_array_equal(coarse.array[:], stack[:, ::2, :36:2])
    assert (fine.voxel_size, fine.offset) == ((40, 6, 5), (80, 12, 10))
    assert (coarse.voxel_size, coarse.offset) == ((40, 12, 10), (80, 15, 12.5))
    opened = open_stack(path, "ResolutionLevel 1")
    assert (opened.voxel_size, open_levels(path, "ResolutionLevel 1")) == ((40, 12, 10), [])
    with pytest.raises(UserError, match='there is no "s1" in it; choose from ResolutionLevel 0, ResolutionLevel 1'):
        open_stack(path, "s1")


def test_channels_and_time_points(tmp_path, stack):
    path = save(tmp_path / "a.ims", stack, times=2, channels=3)
    with pytest.raises(NotAStack, match="choose one with --time 0 to 1"):
        open_stack(path)
    with pytest.raises(SeveralStacks, match="choose one with --channel 0 to 2"):
        open_stack(path, "[t=0]")
    with pytest.raises(NotAStack, match="a channel from 0 to 2 is needed, got 3"):
        open_stack(path, "[c=3,t=0]")
    with pytest.raises(NotAStack, match="leave --axes out"):
        open_stack(path, "[axes=zyx]")
    opened = open_stack(path, "[c=2,t=1]")
    np.testing.assert_array_equal(opened.array[:], stack + 12)
    assert opened.dataset == "ResolutionLevel 0[c=2,t=1]"
    np.testing.assert_array_equal(open_stack(path, opened.dataset).array[:], stack + 12)
    names = stack_names(save(tmp_path / "b.ims", stack, channels=2))
    assert names == ["ResolutionLevel 0[c=0]", "ResolutionLevel 0[c=1]"]
    np.testing.assert_array_equal(open_stack(tmp_path / "b.ims", names[1]).array[:], stack + 1)


def test_damage_is_one_sentence(tmp_path, stack):
    path = save(tmp_path / "a.ims", stack)
    with h5py.File(path, "r+") as file:
        del file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"]
    with pytest.raises(UserError, match="Imaris file cannot be read"):
        open_stack(path)
    with h5py.File(path, "r+") as file:
        del file["DataSetInfo"]
        file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"] = stack[0]
    with pytest.raises(UserError):
        open_stack(path)
