import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.stacks import section_images
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.section_images import open_section_images


def save(folder, names, stack):
    for name, section in zip(names, stack, strict=True):
        if name.endswith((".tif", ".tiff")):
            tifffile.imwrite(folder / name, section)
        else:
            Image.fromarray(section).save(folder / name)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_natural_order_of_names(tmp_path, stack, suffix, dtype):
    if (suffix, dtype) == (".bmp", np.uint16):
        return
    values = stack.astype(dtype) * (1 if dtype == np.uint8 else 257)
    save(tmp_path, [f"{n}{suffix.lower()}" for n in ("s10", "S9", "s100", "s011", "s2")], values)
    for file in list(tmp_path.iterdir()):
        file.rename(file.with_suffix(suffix))
    source = open_section_images(tmp_path)
    assert (source.array.shape, source.array.dtype, source.voxel_size) == (values.shape, dtype, None)
    np.testing.assert_array_equal(source.array[:], values[[4, 1, 0, 3, 2]])


def test_the_voxel_size_is_that_of_the_first(tmp_path, stack):
    for z, size in ((1, VoxelSize(40, 5, 4)), (2, VoxelSize(30, 6, 6))):
        write_labels(tmp_path / f"s{z}.tif", stack[z : z + 1], size, {})
    assert open_section_images(tmp_path).voxel_size == (40, 5, 4)


def test_only_the_section_asked_for_is_read(tmp_path, stack, monkeypatch):
    save(tmp_path, [f"{z}.png" for z in range(5)], stack)
    array = open_section_images(tmp_path).array
    for z in (0, 1, 2, 4):
        (tmp_path / f"{z}.png").write_text("no image any more")
    np.testing.assert_array_equal(array[3, 4:6], stack[3, 4:6])
    with pytest.raises(UserError, match="voxels 2:3,0:24,0:37 cannot be read"):
        array[2]


def test_other_and_hidden_files_are_passed_over(tmp_path, stack):
    save(tmp_path, ["1.png", "2.png"], stack[:2])
    (tmp_path / "notes.txt").write_text("made on Monday")
    (tmp_path / ".3.png").write_text("left by a file browser")
    (tmp_path / "4.png").mkdir()
    opened = open_section_images(tmp_path)
    assert (opened.array.shape, opened.notes) == ((2, 24, 37), ("4.png is no file: it is left out.",))


def test_the_stamp_changes_with_any_file(tmp_path, stack):
    save(tmp_path, [f"{z}.tif" for z in range(5)], stack)
    before = open_section_images(tmp_path).stamp
    tifffile.imwrite(tmp_path / "3.tif", stack[0])
    assert open_section_images(tmp_path).stamp != before


def test_no_images(tmp_path):
    with pytest.raises(UserError, match=r"a folder of section images \(.*\.png.*\) is needed, but none is in it"):
        open_section_images(tmp_path)


def test_two_sizes(tmp_path, stack):
    save(tmp_path, ["1.png", "2.png"], stack[:2])
    save(tmp_path, ["3.png"], stack[2:3, 1:])
    sentence = r"3\.png: sections of one size .* are needed, got 23 x 37 uint8 where 1\.png has 24 x 37 uint8"
    with pytest.raises(UserError, match=sentence):
        open_section_images(tmp_path)


def test_two_types(tmp_path, stack):
    save(tmp_path, ["1.png"], stack[:1])
    save(tmp_path, ["2.tif"], stack[1:2].astype(np.uint16))
    with pytest.raises(UserError, match=r"2\.tif: .* got 24 x 37 uint16 where 1\.png has 24 x 37 uint8"):
        open_section_images(tmp_path)


def test_no_image_in_spite_of_its_name(tmp_path, stack):
    save(tmp_path, ["1.png"], stack[:1])
    (tmp_path / "2.png").write_text("no image")
    with pytest.raises(UserError, match=r"2\.png: this section cannot be read"):
        open_section_images(tmp_path)
    (tmp_path / "2.png").rename(tmp_path / "2.tif")
    with pytest.raises(UserError, match=r"2\.tif: this section cannot be read"):
        open_section_images(tmp_path)


@pytest.mark.parametrize("name", ["1.png", "1.jpg", "1.tif"])
def test_colours(tmp_path, name):
    image = np.zeros((24, 37, 3), np.uint8)
    image[..., 0] = 255
    if name == "1.tif":
        tifffile.imwrite(tmp_path / name, image, photometric="rgb")
    else:
        Image.fromarray(image).save(tmp_path / name)
    with pytest.raises(NotAStack, match=rf"{name}: a grey image .* is needed for each section, got shape \(24, 37, "):
        open_section_images(tmp_path)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", "png"), ("RGBA", "png"), ("LA", "png"), ("RGB", "webp")])
def test_grey_saved_as_colours(tmp_path, stack, mode, suffix):
    for z, section in enumerate(stack):
        Image.fromarray(section).convert(mode).save(tmp_path / f"{z}.{suffix}", lossless=True)
    opened = open_section_images(tmp_path)
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.notes == ("its sections are grey, saved as colours: one is read.",)


def test_lossy_webp(tmp_path):
    grey = np.add.outer(np.arange(24), np.arange(37)).astype(np.uint8) * 4
    for z in range(3):
        Image.fromarray(np.roll(grey, z)).convert("RGB").save(tmp_path / f"{z}.webp", quality=90)
    found = open_section_images(tmp_path).array[:]
    assert np.abs(found[0].astype(int) - grey).max() < 12


@pytest.mark.parametrize("change", [(slice(None), 1), (slice(None), 3)])
@pytest.mark.parametrize("place", [0, 3])
def test_colours_and_transparency_in_any_section(tmp_path, stack, change, place):
    for z, section in enumerate(stack):
        values = np.array(Image.fromarray(section).convert("RGBA"))
        values[5, change[0], change[1]] //= 2 if z == place else 1
        Image.fromarray(values).save(tmp_path / f"{z}.png")
    with pytest.raises(NotAStack, match=rf"{place}\.png: a grey image .* got shape \(24, 37, 4\)"):
        open_section_images(tmp_path).array[:]


@pytest.mark.parametrize("suffix", ["pgm", "pnm"])
def test_pgm_of_16_bits(tmp_path, stack, suffix):
    values = stack.astype(np.uint16) * 257
    for z, section in enumerate(values):
        (tmp_path / f"{z}.{suffix}").write_bytes(b"P5\n37 24\n65535\n" + section.astype(">u2").tobytes())
    opened = open_section_images(tmp_path)
    assert opened.array.dtype == np.uint16
    np.testing.assert_array_equal(opened.array[:], values)


def test_sections_larger_than_pillow_likes(tmp_path, stack, monkeypatch):
    save(tmp_path, ["1.png", "2.png"], stack[:2])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(open_section_images(tmp_path).array[:], stack[:2])
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".pgm", ".webp"])
def test_images_too_large_to_be_read_whole(tmp_path, stack, monkeypatch, suffix):
    save(tmp_path, [f"s1{suffix}", f"s2{suffix}"], stack[:2])
    monkeypatch.setattr(section_images, "MOST_CHUNK", stack[0].size - 1)
    with pytest.raises(UserError, match=rf"s1{suffix}: images of at most .* TIFF in tiles"):
        open_section_images(tmp_path)


def test_missing_sections_are_told(tmp_path, stack):
    save(tmp_path, [f"s_{n:03}.png" for n in (0, 1, 2, 4, 5)], stack)
    assert any("1 section is missing" in note for note in open_section_images(tmp_path).notes)


def test_tiles_are_refused(tmp_path, stack):
    save(tmp_path, [f"s0_x{x}_y{y}.png" for x in (0, 1) for y in (0, 1)], stack[:4])
    with pytest.raises(UserError, match="these images are tiles of sections by their names"):
        open_section_images(tmp_path)


def test_a_folder_for_each_section(tmp_path, stack):
    for z in range(5):
        (tmp_path / f"z{9 + z}").mkdir()
        save(tmp_path / f"z{9 + z}", ["em.png"], stack[z : z + 1])
    np.testing.assert_array_equal(open_section_images(tmp_path).array[:], stack)
    save(tmp_path / "z10", ["0_1.png"], stack[:1])
    with pytest.raises(UserError, match="its folder z10 holds 2; if they are tiles"):
        open_section_images(tmp_path)


def test_where_0_is_white_in_some_files(tmp_path, stack):
    save(tmp_path, [f"{z}.tif" for z in range(5)], stack)
    for z, compression in ((1, None), (3, "zlib")):
        tifffile.imwrite(tmp_path / f"{z}.tif", 255 - stack[z], photometric="miniswhite", compression=compression)
    found = open_section_images(tmp_path)
    np.testing.assert_array_equal(found.array[:], stack)
    assert any("in 2 of its 5 files, 0 is white" in note for note in found.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_a_palette_of_greys(tmp_path, stack, turned):
    for z in range(5):
        image = Image.fromarray(255 - stack[z] if turned else stack[z], "L")
        image.putpalette([n for g in range(256) for n in [255 - g if turned else g] * 3])
        image.save(tmp_path / f"{z}.png")
    np.testing.assert_array_equal(open_section_images(tmp_path).array[:], stack)


def test_a_palette_of_colours(tmp_path, stack):
    image = Image.fromarray(stack[0], "L")
    image.putpalette([n for g in range(256) for n in (g, g, 0)])
    image.save(tmp_path / "1.png")
    with pytest.raises(NotAStack, match="got a palette of colours"):
        open_section_images(tmp_path)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"imagej": True}])
def test_a_file_of_several_pages_among_sections(tmp_path, stack, how):
    save(tmp_path, ["1.tif", "3.tif"], stack[:2])
    tifffile.imwrite(tmp_path / "2.tif", stack[:3], photometric="minisblack", **how)
    with pytest.raises(NotAStack, match=r"2\.tif: one section in each file of the folder is needed, got 3 pages"):
        open_section_images(tmp_path)


def test_thumbnails_in_files_are_no_pages(tmp_path, stack):
    for z in range(3):
        with tifffile.TiffWriter(tmp_path / f"{z}.tif") as tiff:
            tiff.write(stack[z], metadata=None)
            tiff.write(stack[z, ::2, ::2], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(open_section_images(tmp_path).array[:], stack[:3])


def test_the_voxel_size_of_the_first_that_has_one(tmp_path, stack):
    save(tmp_path, ["1.tif"], stack[:1])
    write_labels(tmp_path / "2.tif", stack[1:2], VoxelSize(40, 5, 4), {})
    save(tmp_path, ["3.tif"], stack[:1])
    (tmp_path / "1.tif").unlink()
    tifffile.imwrite(tmp_path / "1.tif", stack[0].astype(np.uint16))
    tifffile.imwrite(tmp_path / "3.tif", stack[0].astype(np.uint16))
    found = open_section_images(tmp_path)
    assert (found.voxel_size, found.size_source) == ((40, 5, 4), "TIFF of napari-emcad of 2.tif")
