from itertools import product
from pathlib import Path

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.section_names import check_section_names

FOLDER = Path("sections")


@pytest.mark.parametrize(
    "form",
    [
        "s{z:03}_x{x}_y{y}",
        "em_s{z:03}_Y{y}_X{x}",
        "{z}_{y}_{x}",
        "tile_r{y}-c{x}_{z:04}",
        "W01_Sec{z:03}_Montage_Tr{y}-c{x}",
        "Sec{z:03}_r{y}-c{x}_",
        "z{z:04}_row{y}_col{x}",
        "slice_{z}_tile_{y}",
        "{z:04}_{x}",
        "y{y}_x{x}",
    ],
)
def test_tiles(form):
    names = sorted({form.format(z=z, y=y, x=x) for z, y, x in product(range(3), (1, 2), (1, 2, 3))})
    with pytest.raises(UserError, match="whole sections are needed, and these images are tiles"):
        check_section_names(FOLDER, names)
    with pytest.raises(UserError, match="tiles"):
        check_section_names(FOLDER, names[:-1])


@pytest.mark.parametrize(
    "names",
    [
        ["s1", "s2", "s10"][:2],
        ["a", "b", "c"],
        ["only_7"],
        [f"w{w}_s{s}" for w in (1, 2) for s in (1, 2, 3)],
        [f"em_{z:03}_x512_y1024" for z in range(4)],
        [f"s{z:03}_x{17 * z}_y{z * z}" for z in range(4)],  # one image a section, with where it was taken
        [f"{10 * z:05}" for z in range(5)],
        [f"2024-01-{z + 1:02}_{z:03}" for z in range(4)],
        ["s9", "S10", "s011"],
    ],
)
def test_sections(names):
    assert check_section_names(FOLDER, names) == ()


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([0, 1, 2, 4, 5], "1 section is missing by the numbers of its files (3)"),
        ([0, 2, 3, 4, 5], "(1)"),
        ([0, 1, 2, 3, 5], "(4)"),
        ([5, 6, 7, 8, 12, 13, 15], "4 sections are missing by the numbers of its files (9 to 11, 14)"),
        ([0, 10, 20, 40, 50], "(30)"),
        ([0, 31, 59, 92, 120], "do not go up evenly"),
    ],
)
@pytest.mark.parametrize("form", ["s_{:03}", "{}", "em.{:05}.aligned_8bit"])
def test_gaps_are_told(numbers, told, form):
    (note,) = check_section_names(FOLDER, [form.format(n) for n in numbers])
    assert told in note


def test_images_and_masks_beside_each_other():
    with pytest.raises(UserError, match="got em_0 and mask_0 for the same"):
        check_section_names(FOLDER, ["em_0", "em_1", "mask_0", "mask_1"])
    with pytest.raises(UserError, match="one image for each section"):
        check_section_names(FOLDER, ["1", "1"])
