import logging

import numpy as np
import pytest
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.tiff import is_tiff, open_tiff

SIZE = VoxelSize(30, 5, 4)
PIXELS_PER_UM = (250, 200)  # x, y
OME = {f"PhysicalSize{a}": s for a, s in zip("ZYX", (0.03, 0.005, 0.004), strict=True)}

KINDS = {
    "plain": {"metadata": None},
    "plain compressed": {"metadata": None, "compression": "zlib"},
    "tiled": {"metadata": None, "compression": "zlib", "tile": (16, 16)},
    "predictor": {"compression": "zlib", "predictor": True, "rowsperstrip": 5},
    "shaped": {},
    "BigTIFF": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "OME compressed": {"ome": True, "compression": "zlib", "metadata": {"axes": "ZYX"}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_kind_reads_as_it_was_written(tmp_path, stack, kind, dtype):
    values = stack.astype(dtype) * 3
    tifffile.imwrite(tmp_path / "a.tif", values, **KINDS[kind])
    array = open_tiff(tmp_path / "a.tif").array
    assert (array.shape, array.dtype) == (values.shape, dtype)
    np.testing.assert_array_equal(array[:], values)
    np.testing.assert_array_equal(array[1:4:2, 3:9, -5], values[1:4:2, 3:9, -5])


@pytest.mark.parametrize(
    "how",
    [
        {"imagej": True, "resolution": PIXELS_PER_UM, "metadata": {"axes": "ZYX", "spacing": 0.03, "unit": "um"}},
        {"imagej": True, "resolution": PIXELS_PER_UM, "metadata": {"axes": "ZYX", "spacing": 0.03, "unit": "micron"}},
        {"imagej": True, "resolution": PIXELS_PER_UM, "metadata": {"spacing": 0.03, "unit": "\\u00B5m"}},
        {"imagej": True, "resolution": (0.25, 0.2), "metadata": {"axes": "ZYX", "spacing": 30, "unit": "nm"}},
        {"resolution": PIXELS_PER_UM, "metadata": {"axes": "ZYX", "spacing": 0.03, "unit": "um"}},
        {"ome": True, "metadata": {"axes": "ZYX", **OME}},
        {"ome": True, "metadata": {"axes": "ZYX", **{k: 1000 * v for k, v in OME.items()}}
         | {f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}},
    ],
)  # fmt: skip
def test_voxel_size(tmp_path, stack, how):
    tifffile.imwrite(tmp_path / "a.tif", stack, **how)
    assert open_tiff(tmp_path / "a.tif").voxel_size == pytest.approx(SIZE)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"resolution": PIXELS_PER_UM, "resolutionunit": "CENTIMETER"},
        {"imagej": True, "resolution": PIXELS_PER_UM, "metadata": {"axes": "ZYX", "unit": "um"}},
        {"imagej": True, "resolution": (1, 1), "metadata": {"axes": "ZYX", "spacing": 3, "unit": "pixel"}},
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 3}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
    ],
)
def test_voxel_size_unknown(tmp_path, stack, how):
    tifffile.imwrite(tmp_path / "a.tif", stack, **how)
    assert open_tiff(tmp_path / "a.tif").voxel_size is None


def test_a_section_of_a_compressed_stack_is_one_page(tmp_path, stack, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib")
    array = open_tiff(tmp_path / "a.tif").array
    read, asarray = [], tifffile.TiffPage.asarray

    def counted(self, **kwargs):
        read.append(self.index)
        return asarray(self, **kwargs)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    np.testing.assert_array_equal(array[3, 2:5], stack[3, 2:5])
    np.testing.assert_array_equal(array[0:2], stack[0:2])
    assert read == [3, 0, 1]


def test_an_uncompressed_stack_is_mapped_and_leaves_no_file_open(tmp_path, stack, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", stack)
    array = open_tiff(tmp_path / "a.tif").array
    monkeypatch.setattr(tifffile.TiffPage, "asarray", None)
    np.testing.assert_array_equal(array[2], stack[2])
    (tmp_path / "a.tif").unlink()
    with pytest.raises(UserError, match="voxels 2:3,0:24,0:37 cannot be read"):
        array[2]


def test_leading_axes_of_one_are_dropped_and_a_stack_of_one_section_stays(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack[None, None])
    tifffile.imwrite(tmp_path / "b.tif", stack[:1])
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif").array[:], stack)
    np.testing.assert_array_equal(open_tiff(tmp_path / "b.tif").array[:], stack[:1])


@pytest.mark.parametrize("sections", [3, 4])
def test_a_few_sections_that_tifffile_marked_as_colours(tmp_path, stack, sections):
    few = np.resize(stack, (sections, 24, 37))
    tifffile.imwrite(tmp_path / "a.tif", few, photometric="rgb", planarconfig="separate")  # its default for such
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif").array[:], few)


@pytest.mark.parametrize(
    ("shape", "how", "sentence"),
    [
        ((24, 37), {}, r"a stack \(z, y, x\) is needed, got a single section of shape \(24, 37\)"),
        ((5, 24, 37, 3), {"photometric": "rgb"}, r"grey values are needed, got colours of shape \(5, 24, 37, 3\)"),
        ((3, 24, 37), {"photometric": "rgb", "metadata": None}, r"got colours of shape \(3, 24, 37\)"),
        ((24, 37, 3), {"photometric": "rgb"}, r"grey values are needed, got colours of shape \(24, 37, 3\)"),
        ((2, 5, 24, 37), {}, r"got 4 axes of shape \(2, 5, 24, 37\); name them with --axes"),
    ],
)
def test_images_that_are_no_stack(tmp_path, shape, how, sentence):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), **how)
    with pytest.raises(NotAStack, match=sentence):
        open_tiff(tmp_path / "a.tif")


def test_sections_of_two_sizes(tmp_path, stack):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(stack[0], metadata=None)
        tiff.write(stack[0, 1:], metadata=None)
    with pytest.raises(NotAStack, match=r"sections of one size are needed, got \(24, 37\) and \(23, 37\)"):
        open_tiff(tmp_path / "a.tif")


def test_complex_values(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4, 5), np.complex64), photometric="minisblack")
    with pytest.raises(UserError, match="whole or real numbers are needed, got complex64"):
        open_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.99, 0.9, 0.6, 0.3, 0.1, 0.02])
def test_a_cut_file_says_so(tmp_path, stack, kind, kept, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, **KINDS[kind])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    if kind.startswith("OME") and kept >= 0.9:  # only the XML at its end is lost
        np.testing.assert_array_equal(open_tiff(path).array[:], stack)
    else:
        with pytest.raises(UserError, match=r"a\.tif: the TIFF (ends too early|cannot be read).*export it again\.$"):
            open_tiff(path).array[:]
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING and r.name == "tifffile"]
    assert logging.getLogger("tifffile").level < logging.CRITICAL


def test_damaged_voxels_say_where(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        place, count = tiff.pages[3].dataoffsets[0], tiff.pages[3].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[place : place + count] = b"\xff" * count
    path.write_bytes(content)
    array = open_tiff(path).array
    np.testing.assert_array_equal(array[2], stack[2])
    with pytest.raises(UserError, match=r"voxels 2:5,0:24,0:37 cannot be read"):
        array[2:]


def test_recognised_by_content(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.dat", stack)
    tifffile.imwrite(tmp_path / "b.dat", stack, bigtiff=True, byteorder=">")
    (tmp_path / "c.tif").write_text("no image")
    assert [is_tiff(tmp_path / name) for name in ("a.dat", "b.dat", "c.tif", "none.tif")] == [True, True, False, False]


def test_published_stacks(shared):
    ac4 = open_tiff(shared / "data" / "ac4" / "raw.tif")
    assert (ac4.array.shape, ac4.array.dtype, ac4.voxel_size) == ((100, 1024, 1024), np.uint8, (30, 6, 6))
    assert ac4.array[50, 60:62, 210:212].shape == (2, 2)
    assert open_tiff(shared / "data" / "vnc" / "raw.tif").voxel_size is None
