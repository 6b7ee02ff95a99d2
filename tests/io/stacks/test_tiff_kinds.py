"""TIFF as other programs write it: what 0 means, pages that differ, several images, channels, odd types."""

import numpy as np
import pytest
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.tiff import open_tiff, tiff_stack_names

GREYS = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)


def opened(path, text=None):
    return open_tiff(path, StackSelection.parse(text))


def assert_opens(path, values, text=None):
    found = opened(path, text)
    assert (found.array.shape, found.array.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(found.array[:], values)
    np.testing.assert_array_equal(found.array[1:4:2, 3:9, -5], values[1:4:2, 3:9, -5])
    return found


def save_pages(path, pages, **how):
    """Write pages one by one, `how` with a list holds a value for each."""
    with tifffile.TiffWriter(path) as tiff:
        for number, page in enumerate(pages):
            own = {key: value[number] if isinstance(value, list) else value for key, value in how.items()}
            tiff.write(page, **{"contiguous": False, "metadata": None, "photometric": "minisblack", **own})
    return path


@pytest.mark.parametrize("which", [slice(None), slice(3, 4)])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_orientation_is_told(tmp_path, stack, compression, which):
    turned = [[] for _ in stack]
    for page in range(len(stack))[which]:
        turned[page] = [(274, 3, 1, 4, True)]
    path = save_pages(tmp_path / "a.tif", stack, compression=[compression] * len(stack), extratags=turned)
    notes = assert_opens(path, stack).notes
    start = "" if which == slice(None) else "from page 3 on, "
    assert notes == (f"{start}its tag Orientation asks for rows or columns to be turned: they are read as they lie.",)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("dtype", "bits", "white"),
    [("uint8", 8, 255), ("uint16", 16, 65535), ("uint32", 32, 2**32 - 1), ("uint16", 12, 4095), ("uint8", 4, 15)],
)
def test_where_0_is_white_it_is_turned_round(tmp_path, stack, dtype, bits, white, compression):
    if bits in (4, 12) and compression:
        return
    values = (stack.astype(dtype) * 8) % white
    how = {"bitspersample": bits} if bits in (4, 12) else {}
    tifffile.imwrite(tmp_path / "a.tif", white - values, photometric="miniswhite", compression=compression, **how)
    found = assert_opens(tmp_path / "a.tif", values.astype(dtype))
    assert any("0 is white" in note for note in found.notes)


def test_where_0_is_white_in_one_bit(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack > 100, photometric="miniswhite")
    assert_opens(tmp_path / "a.tif", stack <= 100)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_where_0_is_white_and_nothing_is_black(tmp_path, stack, dtype):
    tifffile.imwrite(tmp_path / "a.tif", stack.astype(dtype), photometric="miniswhite")
    with pytest.raises(NotAStack, match=r"0 is white .* invert it"):
        opened(tmp_path / "a.tif")


@pytest.mark.parametrize("changed", [0, 2, 4])
def test_0_is_white_in_one_page(tmp_path, stack, changed):
    pages, photometric = list(stack), ["minisblack"] * 5
    pages[changed], photometric[changed] = 255 - pages[changed], "miniswhite"
    found = assert_opens(save_pages(tmp_path / "a.tif", pages, photometric=photometric), stack)
    assert any("0 is white" in note for note in found.notes)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_palette_of_greys_is_looked_up(tmp_path, stack, turned, compression):
    palette = GREYS[:, ::-1] if turned else GREYS
    how = {"photometric": "palette", "colormap": palette, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", 255 - stack if turned else stack, **how)
    assert_opens(tmp_path / "a.tif", stack)


def test_a_palette_of_colours(tmp_path, stack):
    colours = GREYS.copy()
    colours[1] //= 2
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="palette", colormap=colours)
    with pytest.raises(NotAStack, match="got a palette of colours"):
        opened(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", stack, photometric="palette", colormap=colours, imagej=True)
    assert any("lookup table of ImageJ" in note for note in assert_opens(tmp_path / "b.tif", stack).notes)


@pytest.mark.parametrize("changed", [0, 2, 4])
@pytest.mark.parametrize("how", ["smaller", "wider type", "signed", "colours"])
def test_a_page_of_another_kind_is_not_left_out(tmp_path, stack, changed, how):
    pages, photometric = list(stack), ["minisblack"] * 5
    other = {
        "smaller": stack[0, 1:],
        "wider type": stack[0].astype(np.uint16),
        "signed": stack[0].astype(np.int8),
        "colours": np.stack([stack[0]] * 3, -1),
    }
    pages[changed], photometric[changed] = other[how], "rgb" if how == "colours" else "minisblack"
    save_pages(tmp_path / "a.tif", pages, photometric=photometric)
    with pytest.raises(NotAStack, match=r"pages of one size and type are needed, and it holds 2 series|got colours"):
        opened(tmp_path / "a.tif")
    save_pages(
        tmp_path / "b.tif", pages[1:], photometric=photometric[1:], description=["ImageJ=1.54\nslices=4\n", *"   "]
    )
    if changed:
        with pytest.raises(NotAStack, match="pages of one size and type are needed"):
            opened(tmp_path / "b.tif")


@pytest.mark.parametrize("changed", [0, 2, 4])
def test_a_page_that_is_stored_in_another_way(tmp_path, stack, changed):
    for how in (
        {"compression": ["lzw", None]},
        {"rowsperstrip": [5, 24]},
        {"predictor": [True, False], "compression": "lzw"},
    ):
        given = {
            key: [value[page != changed] for page in range(5)] if isinstance(value, list) else value
            for key, value in how.items()
        }
        assert_opens(save_pages(tmp_path / "a.tif", list(stack), **given), stack)


def test_smaller_copies_are_no_pages(tmp_path, stack):
    pages = [page for section in stack for page in (section, section[::2, ::2])]
    save_pages(tmp_path / "a.tif", pages, subfiletype=[0, 1] * 5)
    assert_opens(tmp_path / "a.tif", stack)
    with tifffile.TiffWriter(tmp_path / "b.ome.tif", ome=True) as tiff:
        tiff.write(stack, subifds=1, metadata={"axes": "ZYX"}, photometric="minisblack")
        tiff.write(stack[:, ::2, ::2], subfiletype=1, photometric="minisblack")
    assert_opens(tmp_path / "b.ome.tif", stack)
    assert tiff_stack_names(tmp_path / "b.ome.tif") == []


def test_sections_that_were_written_as_images_of_their_own(tmp_path, stack):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for section in stack:
            tiff.write(section, compression="zlib")
    assert_opens(tmp_path / "a.tif", stack)


@pytest.mark.parametrize("kind", [{}, {"ome": True}])
def test_several_stacks_are_named(tmp_path, stack, kind):
    with tifffile.TiffWriter(tmp_path / "a.tif", **kind) as tiff:
        tiff.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
        tiff.write(stack[1:, 2:].astype(np.uint16), photometric="minisblack", metadata={"axes": "ZYX"})
    with pytest.raises(
        SeveralStacks, match=r'"series 0" \(5, 24, 37\) uint8, "series 1" \(4, 22, 37\) uint16; .* name one'
    ):
        opened(tmp_path / "a.tif")
    assert tiff_stack_names(tmp_path / "a.tif") == ["series 0", "series 1"]
    assert assert_opens(tmp_path / "a.tif", stack, "series 0").dataset == "series 0"
    assert_opens(tmp_path / "a.tif", stack[1:, 2:].astype(np.uint16), "series 1")
    with pytest.raises(UserError, match='no dataset "series 2" in it; choose from "series 0"'):
        opened(tmp_path / "a.tif", "series 2")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("samples", [1, 2, 4])
def test_samples_of_a_pixel_are_channels(tmp_path, stack, samples, planar, compression):
    if samples == 1 and planar == "separate":
        return
    values = np.stack([stack + n for n in range(samples)], -1 if planar == "contig" else 1)
    axes = "ZYXS" if planar == "contig" else "ZSYX"
    how = {"photometric": "minisblack", "planarconfig": planar if samples > 1 else None, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", values, metadata={"axes": axes}, **how)
    if samples == 1:
        assert_opens(tmp_path / "a.tif", stack)
        return
    with pytest.raises(NotAStack, match="choose one with --channel"):
        opened(tmp_path / "a.tif")
    assert tiff_stack_names(tmp_path / "a.tif") == [f"[c={n}]" for n in range(samples)]
    assert_opens(tmp_path / "a.tif", stack + 1, "[c=1]")


def test_one_colour_can_be_chosen(tmp_path, stack):
    colours = np.stack([stack, stack + 1, stack + 2], -1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    assert_opens(tmp_path / "a.tif", stack + 2, "[c=2]")


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_channels_and_time_points_are_chosen(tmp_path, stack, kind, compression):
    values = np.stack([np.stack([stack, stack + 1], 1), np.stack([stack + 2, stack + 3], 1)])  # TZCYX
    how = {"compression": compression} if compression and "ome" in kind else {}
    tifffile.imwrite(tmp_path / "a.tif", values, **kind, **how, metadata={"axes": "TZCYX"}, photometric="minisblack")
    with pytest.raises(NotAStack, match=r"--time|--channel"):
        opened(tmp_path / "a.tif")
    assert_opens(tmp_path / "a.tif", stack + 3, "[c=1,t=1]")
    assert_opens(tmp_path / "a.tif", stack + 2, "[c=0,t=1]")


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "TZYX"])
def test_the_order_of_pages_is_that_of_ome(tmp_path, stack, axes):
    at = axes.index("C") if "C" in axes else axes.index("T")
    values = np.stack([stack, stack + 1], at)
    tifffile.imwrite(tmp_path / "a.tif", values, ome=True, compression="zlib", metadata={"axes": axes})
    assert_opens(tmp_path / "a.tif", stack + 1, "[c=1]" if "C" in axes else "[t=1]")


def test_an_ome_image_of_several_files(tmp_path, stack):
    files = [f"{n}.ome.tif" for n in range(5)]
    pages = "".join(
        f'<TiffData FirstZ="{4 - n}" FirstC="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{n}</UUID></TiffData>'
        for n, name in enumerate(files)
    )
    for n, name in enumerate(files):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{n}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="37" SizeY="24" SizeZ="5" SizeC="1" '
            f'SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{pages}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, stack[4 - n], description=xml, metadata=None, compression="zlib")
    assert_opens(tmp_path / "0.ome.tif", stack)
    (tmp_path / "3.ome.tif").unlink()
    missing = stack.copy()
    missing[1] = 0
    found = assert_opens(tmp_path / "0.ome.tif", missing)
    assert "1 of its 5 pages are missing (3.ome.tif is not beside it): they are read as black." in found.notes


def test_pages_that_the_metadata_do_not_count_are_read(tmp_path, stack):
    path = save_pages(tmp_path / "a.tif", list(stack), description=["ImageJ=1.54\nslices=3\nimages=3\n", *"    "])
    assert any("describe 3 sections, and it has 5 pages" in note for note in assert_opens(path, stack).notes)


@pytest.mark.parametrize(
    "how",
    [
        {"tile": (2, 16, 16), "volumetric": True},
        {"tile": (2, 16, 16), "volumetric": True, "compression": "zlib"},
        {"tile": (16, 16), "compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "packbits"},
        {"compression": "lzw", "predictor": True},
        {"compression": "jpeg2000", "compressionargs": {"reversible": True, "level": 0}},
        {"byteorder": ">", "bigtiff": True, "compression": "lzw"},
        {"rowsperstrip": 1},
    ],
)
def test_ways_to_store(tmp_path, stack, how):
    even = np.resize(stack, (6, 32, 48))
    tifffile.imwrite(tmp_path / "a.btf", even, photometric="minisblack", **how)
    assert_opens(tmp_path / "a.btf", even)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "uint64", "int64", "float16", "float64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_types(tmp_path, stack, dtype, compression):
    values = (stack > 99) if dtype == "bool" else (stack // 3).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", compression=compression)
    assert_opens(tmp_path / "a.tif", values)


def test_a_compression_that_nobody_knows(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[0].tags["Compression"].valueoffset
    content = bytearray(path.read_bytes())
    content[place : place + 2] = (60001).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(UserError, match="its compression 60001 cannot be decoded"):
        opened(path)


def test_pages_that_go_in_a_circle(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[4]
        place = last.offset + 2 + 12 * len(last.tags)
    content = bytearray(path.read_bytes())
    content[place : place + 4] = first.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UserError, match="leads back to an earlier one"):
        opened(path)


@pytest.mark.parametrize("kind", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}, {"bigtiff": True}])
def test_any_changed_byte_of_a_header_gives_voxels_or_one_sentence(tmp_path, stack, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack[:3, :9, :11], **{"photometric": "minisblack", **kind})
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(0, min(len(content), 700), random.integers(1, 4)):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            found = opened(path)
            if found.array.nbytes < 2**24:
                assert found.array[0].shape == found.array.shape[1:]
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("count", [2**31, 2**32 - 1])
@pytest.mark.parametrize("z", [0, 1])
def test_a_part_longer_than_its_file_is_refused_before_there_is_memory_for_it(tmp_path, count, z):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.arange(12000).reshape(6, 40, 50) % 7, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(file, mode="r+b") as tiff:
        tiff.pages[z].tags["StripByteCounts"].overwrite(count, dtype=4)
    with pytest.raises(UserError, match=r"due in one part|ends too early"), open_stack(file) as stack:
        np.asarray(stack.array[z])
