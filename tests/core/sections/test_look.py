"""Sections of a drawn stack, made wrong one way or another."""

import numpy as np
import pytest
from drawings import neuropil
from scipy.ndimage import gaussian_filter, zoom

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.core.sections import SlipKind, Verdict, inspect_levels, inspect_sections, measures
from napari_emcad.core.sections.look import SectionLook

DEPTH, HEIGHT, WIDTH = SHAPE = (14, 288, 320)
PLACES = (0, 1, 6, 12, 13)


def drawn(seed):
    """Dark winding membranes that change from section to section, lit a little differently, out of line by a pixel."""
    rng = np.random.default_rng(seed)
    blobs = gaussian_filter(rng.normal(size=(DEPTH + 20, HEIGHT // 4, WIDTH // 4)), (3, 2, 2))
    field = zoom(blobs[10:-10], (1, 4, 4), order=1)
    membranes = np.exp(-np.square(field / (0.25 * field.std())))
    grain = gaussian_filter(rng.normal(size=SHAPE), (0, 0.7, 0.7))
    light, spread = rng.normal(190, 5, DEPTH), rng.normal(1, 0.04, DEPTH)
    raw = light[:, None, None] + spread[:, None, None] * (25 * grain - 120 * membranes)
    raw = np.stack([np.roll(section, rng.integers(-1, 2, 2), (0, 1)) for section in raw])
    return np.clip(raw, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clean():
    return drawn(4)


@pytest.fixture(scope="module")
def foreign():
    return drawn(5)[0]


@pytest.fixture
def stack(clean):
    return clean.copy()


def look(stack):
    return drive(inspect_sections(stack))


def verdicts(stack):
    return {one.z: one.verdict for one in look(stack).findings}


def finding(stack, z):
    report = look(stack)
    assert [one.z for one in report.findings] == [z], report.findings
    return report.findings[0]


def test_good_sections_are_good(clean):
    before = clean.copy()
    report = look(clean)
    assert report.summary == "14 sections: all good"
    assert not report.no_tissue.any()
    assert report.no_tissue.shape == report.missing.shape
    np.testing.assert_array_equal(clean, before)


def test_good_synthetic_sections_are_good():
    assert look(neuropil((6, 192, 200), VoxelSize(30, 6, 6), seed=4)).findings == ()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_few_good_sections_are_good(clean, depth):
    assert look(clean[:depth]).findings == ()


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_greys_of_any_kind_are_judged_alike(clean, kind):
    changed = (clean.astype(float) / 40 + 100).astype(kind) if kind is np.float32 else clean.astype(kind) * 200
    changed[5] = changed.max()
    assert verdicts(changed) == {5: Verdict.BLANK}


@pytest.mark.parametrize("grey", [0, 130, 255])
@pytest.mark.parametrize("sections", [[0], [5], [13], [4, 5], [0, 1], [7, 8, 9]])
def test_blank(stack, grey, sections):
    stack[sections] = grey
    assert verdicts(stack) == dict.fromkeys(sections, Verdict.BLANK)


@pytest.mark.parametrize("share", [0.33, 0.52])
def test_blank_beside_resin(stack, share):
    rng, place = np.random.default_rng(7), np.s_[:, :, int(share * WIDTH) :]
    stack[place] = rng.normal(180, 12, stack[place].shape)
    stack[6, :, : int(share * WIDTH)] = 0
    assert verdicts(stack) == {6: Verdict.BLANK}


@pytest.mark.parametrize("blur", [1, 2, 4])
@pytest.mark.parametrize("depth", [4, 10])
def test_blurred_resin_is_blank(blur, depth):
    noise = np.random.default_rng(8).normal(180, 20, (depth, HEIGHT, WIDTH))
    report = look(gaussian_filter(noise, (0, blur, blur)).astype(np.uint8))
    assert report.sections(Verdict.BLANK) == list(range(depth))


def test_faint_tissue_is_tissue(clean):
    faint = (30000 + clean.astype(float) * 5).astype(np.uint16)
    assert look(faint).findings == ()


def test_blank_and_noisy(stack):
    stack[5] = np.random.default_rng(0).normal(12, 3, SHAPE[1:])
    assert verdicts(stack) == {5: Verdict.BLANK}


def test_values_that_are_no_numbers_are_blank(stack):
    stack = stack.astype(np.float32)
    stack[5] = np.nan
    assert finding(stack, 5).evidence == "no value is a number"


@pytest.mark.parametrize("depth", [1, 4])
def test_all_is_blank(depth):
    report = look(np.zeros((depth, 64, 80), np.uint8))
    assert report.sections(Verdict.BLANK) == list(range(depth))
    assert report.bare_share == 1


@pytest.mark.parametrize("z", PLACES[1:])
def test_copies(stack, z):
    stack[z] = stack[z - 1]
    found = finding(stack, z)
    assert (found.verdict, found.cause) == (Verdict.DUPLICATE, f"of {z - 1}")


def test_a_copy_of_the_section_after(stack):
    stack[6] = stack[7]
    found = finding(stack, 6)
    assert (found.verdict, found.cause) == (Verdict.DUPLICATE, "of 7")


@pytest.mark.parametrize("z", PLACES)
def test_out_of_focus(stack, z):
    stack[z] = gaussian_filter(stack[z], 6)
    assert finding(stack, z).verdict is Verdict.OUT_OF_FOCUS


@pytest.mark.parametrize("z", PLACES)
def test_noisy(stack, z):
    stack[z] = np.clip(stack[z] + np.random.default_rng(z).normal(0, 50, SHAPE[1:]), 0, 255)
    assert finding(stack, z).verdict is Verdict.NOISY


@pytest.mark.parametrize("z", PLACES)
def test_pale(stack, z):
    stack[z] = 65 + stack[z] // 2
    found = finding(stack, z)
    assert found.verdict is Verdict.PALE


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize(
    ("turn", "cause"),
    [
        (lambda section: section[:, ::-1], "mirrored left to right"),
        (lambda section: section[::-1], "mirrored top to bottom"),
        (lambda section: section[::-1, ::-1], "turned by 180 degrees"),
    ],
)
def test_turned(stack, z, turn, cause):
    stack[z] = turn(stack[z].copy())
    found = finding(stack, z)
    assert (found.verdict, found.cause) == (Verdict.WRONG, cause)


@pytest.mark.parametrize("z", [0, 4])
def test_one_of_five_is_mirrored(clean, z):
    stack = clean[:5].copy()
    stack[z] = stack[z, ::-1]
    assert verdicts(stack) == {z: Verdict.WRONG}


def test_turned_by_90_degrees(clean):
    stack = clean[:, :, :HEIGHT].copy()
    stack[5] = np.rot90(stack[5])
    assert finding(stack, 5).cause == "turned by 270 degrees"


@pytest.mark.parametrize("z", PLACES)
def test_foreign(stack, foreign, z):
    stack[z] = foreign
    found = finding(stack, z)
    assert (found.verdict, found.cause) == (Verdict.WRONG, "foreign")


@pytest.mark.parametrize("z", [0, 1, 5, 12])
def test_swapped(stack, z):
    stack[[z, z + 1]] = stack[[z + 1, z]]
    report = look(stack)
    assert [(one.z, one.cause) for one in report.findings] == [
        (z, f"swapped with {z + 1}"),
        (z + 1, f"swapped with {z}"),
    ]


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize("shift", [(0, 12), (-16, 0), (20, -25)])
def test_one_section_is_shifted(stack, z, shift):
    stack[z] = np.roll(stack[z], shift, (0, 1))
    slip = finding(stack, z).slip
    assert slip.kind is SlipKind.SINGLE
    np.testing.assert_allclose(slip.shift, shift, atol=3)
    assert slip.confidence > 5


@pytest.mark.parametrize("z", [1, 4, 7])
def test_one_section_of_few_is_shifted_a_little(clean, z):
    stack = clean[:8].copy()
    stack[z] = np.roll(stack[z], (-5, 8), (0, 1))
    slip = finding(stack, z).slip
    assert slip.kind is SlipKind.SINGLE
    np.testing.assert_allclose(slip.shift, (-5, 8), atol=2)


def test_few_sections_that_move_anyway_are_no_slip(clean):
    moved = np.stack([np.roll(clean[z], by, 0) for z, by in enumerate((0, 5, 11, 16, 29))])
    assert look(moved).findings == ()


def test_the_last_section_of_few_is_not_wrong_for_little_likeness(clean):
    stack = np.concatenate([clean[:5], [(0.84 * drawn(5)[5] + 0.16 * clean[5]).astype(np.uint8)]])
    assert look(stack).findings == ()


@pytest.mark.parametrize("z", [2, 5, 12])
@pytest.mark.parametrize("shift", [(0, 24), (-17, 17)])
def test_the_rest_is_shifted(stack, z, shift):
    stack[z:] = np.roll(stack[z:], shift, (1, 2))
    slip = finding(stack, z).slip
    assert slip.kind is SlipKind.JUMP
    np.testing.assert_allclose(slip.shift, shift, atol=3)


@pytest.mark.parametrize("shift", [(0, 8), (-21, 14)])
def test_shifts_of_large_sections_are_measured_in_their_middle(stack, monkeypatch, shift):
    monkeypatch.setattr(measures, "SIDE", 48)  # as if the section was 48 times 7 pixels of a large one
    assert measures.Grid.of(SHAPE).step == 7
    stack[5:] = np.roll(stack[5:], shift, (1, 2))
    np.testing.assert_allclose(finding(stack, 5).slip.shift, shift, atol=2)
    if shift == (0, 8):
        monkeypatch.setattr(measures, "FINE", 7)
        assert look(stack).findings == ()  # too little for the whole sections


def test_drift(stack):
    for z in range(2, DEPTH):
        stack[z] = np.roll(stack[z], -4 * (z - 2), 1)
    (found,) = look(stack).findings
    assert found.slip.kind is SlipKind.DRIFT
    assert found.z <= 3
    assert found.last == DEPTH - 1
    np.testing.assert_allclose(found.slip.shift, (0, -44), atol=5)


def test_a_slip_across_a_blank_section(stack):
    stack[5:] = np.roll(stack[5:], 24, 2)
    stack[5] = 0
    assert look(stack).summary.startswith("14 sections: 5 blank; slip of 2")
    assert verdicts(stack) == {5: Verdict.BLANK, 6: Verdict.SLIPPED}


@pytest.mark.parametrize("z", [2, 7, 12])
def test_a_break(clean, z):
    stack = np.concatenate([clean[:z], drawn(5)[z:]])
    found = finding(stack, z)
    assert (found.verdict, found.slip.kind) == (Verdict.SLIPPED, SlipKind.BREAK)
    assert look(stack).summary == f"14 sections: break at {z}"


@pytest.mark.parametrize("z", [2, 7, 12])
@pytest.mark.parametrize("left", [0.1, 0.2])
def test_tissue_that_changes_much_is_no_slip(clean, z, left):
    stack = np.concatenate([clean[:z], (1 - left) * drawn(5)[z:] + left * clean[z:]])
    found = look(stack.astype(np.uint8)).findings
    assert [one for one in found if one.verdict is not Verdict.SLIPPED or one.slip.kind is not SlipKind.BREAK] == []
    assert left < 0.2 or not found


@pytest.mark.parametrize("z", [2, 7])
def test_a_jump_with_a_black_rim(stack, z):
    stack[z:] = np.roll(stack[z:], (24, -24), (1, 2))
    stack[z:, :24] = 0
    stack[z:, :, -24:] = 0
    slips = [one for one in look(stack).findings if one.slip]
    assert [(one.z, one.slip.kind) for one in slips] == [(z, SlipKind.JUMP)]
    np.testing.assert_allclose(slips[0].slip.shift, (24, -24), atol=3)


@pytest.mark.parametrize("z", [2, 6, 9])
@pytest.mark.parametrize("n", [2, 3])
def test_a_few_strangers_in_a_row_are_wrong(stack, n, z):
    stack[z : z + n] = drawn(5)[z : z + n]
    assert verdicts(stack) == dict.fromkeys(range(z, z + n), Verdict.WRONG)


SPOILED = {
    Verdict.BLANK: lambda section: np.zeros_like(section),
    Verdict.OUT_OF_FOCUS: lambda section: gaussian_filter(section, 6),
    Verdict.WRONG: lambda section: section[::-1].copy(),
    Verdict.NOISY: lambda section: np.clip(section + np.random.default_rng(0).normal(0, 60, SHAPE[1:]), 0, 255),
    Verdict.PALE: lambda section: 65 + section // 2,
    Verdict.SLIPPED: lambda section: np.roll(section, (-16, 14), (0, 1)),
}


@pytest.mark.parametrize("first", SPOILED)
@pytest.mark.parametrize("second", [Verdict.BLANK, Verdict.WRONG, Verdict.SLIPPED])
def test_defects_side_by_side(stack, first, second):
    stack[6], stack[7] = SPOILED[first](stack[6]), SPOILED[second](stack[7])
    if first is second is Verdict.SLIPPED:
        assert verdicts(stack) == {6: first, 8: second}  # there and back
    else:
        assert verdicts(stack) == {6: first, 7: second}


@pytest.mark.parametrize("before", SPOILED)
def test_a_jump_after_a_defect(stack, before):
    stack[6] = SPOILED[before](stack[6])
    stack[7:] = np.roll(stack[7:], (-20, 22), (1, 2))
    (slip,) = (one.slip for one in look(stack).of_section(7))
    assert slip.kind is SlipKind.JUMP
    shift = (-4, 8) if before is Verdict.SLIPPED else (-20, 22)
    np.testing.assert_allclose(slip.shift, shift, atol=3)


def test_several_slips(stack):
    for z, shift in ((3, (0, 24)), (7, (-17, 9)), (8, (20, 20))):
        stack[z:] = np.roll(stack[z:], shift, (1, 2))
    stack[11] = np.roll(stack[11], (0, -30), (0, 1))
    slips = [(one.z, one.slip.kind) for one in look(stack).findings]
    assert slips == [*((z, SlipKind.JUMP) for z in (3, 7, 8)), (11, SlipKind.SINGLE)]


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize("grey", [0, 130])
def test_half_is_missing(stack, z, grey):
    stack[z, :, WIDTH // 2 :] = grey
    report = look(stack)
    assert [(one.z, one.verdict) for one in report.findings] == [(z, Verdict.PARTLY_MISSING)]
    np.testing.assert_allclose(report.findings[0].box, (0, HEIGHT, WIDTH // 2, WIDTH), atol=report.cell)
    assert report.missing[z].any()
    assert not report.no_tissue.any()


CELL = 16
"""Pixels of a side of a cell of such a stack; those of rims are finer."""


def cells_with(pixels, cell, share=0.0):
    """Cells of which any pixel is set, or more than a share of them."""
    grown = np.pad(pixels, [(0, -n % cell) for n in pixels.shape])
    return grown.reshape(grown.shape[0] // cell, cell, grown.shape[1] // cell, cell).mean(axis=(1, 3)) > share


Y, X = np.mgrid[:HEIGHT, :WIDTH]
PARTS = {
    "odd": X >= WIDTH // 2 - 3,
    "rows": Y < HEIGHT // 3 + 5,
    "aslant": 0.9 * (X - 150) + 0.4 * Y > 60,
    "corner": X + Y < 170,
    "turned frame": np.abs(0.98 * (X - 160) + 0.2 * (Y - 144)) > 108,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("grey", [0, 255])
def test_cells_that_are_partly_missing_are_in_the_mask(stack, part, grey):
    stack[6][PARTS[part]] = grey
    report = look(stack)
    there, missing = cells_with(PARTS[part], CELL), cells_with(report.missing[6], CELL // report.cell)
    wedges = missing.shape[0] if part in ("corner", "turned frame") else 0
    assert (there & ~missing).sum() <= 0.3 * wedges  # ends of wedges in which no cell is missing wholly
    assert (missing & ~there).sum() <= 0.03 * there.sum()
    assert not np.delete(report.missing, 6, axis=0).any()
    assert not report.no_tissue.any()


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize("spread", [3, 8])
def test_noise_in_the_place_of_tissue_is_missing(stack, z, spread):
    part = PARTS["odd"]
    stack[z][part] = np.clip(np.random.default_rng(z).normal(60, spread, part.sum()), 0, 255)
    report = look(stack)
    assert report.of_section(z)[0].verdict is Verdict.PARTLY_MISSING
    assert "noise" in report.of_section(z)[0].evidence
    there = cells_with(part, report.cell)
    assert report.missing[z][there].mean() > 0.9  # in a corner, the drawn tissue is hardly more than noise
    assert not report.missing[z][~there].any()


@pytest.mark.parametrize("part", PARTS)
def test_cells_with_tissue_are_tissue(stack, part):
    noise = np.random.default_rng(0).normal(190, 4, SHAPE)
    stack = np.where(PARTS[part], noise, stack).astype(np.uint8)
    report = look(stack)
    assert report.findings == ()
    pixels = report.no_tissue.repeat(report.cell, axis=1).repeat(report.cell, axis=2)
    assert (pixels & ~PARTS[part]).mean() < 0.03
    assert report.no_tissue[:, ~cells_with(~PARTS[part], report.cell)].mean() > 0.98


@pytest.mark.parametrize("spread", [2, 30])
def test_noise_alone_is_blank(clean, spread):
    resin = np.clip(np.random.default_rng(0).normal(170, spread, SHAPE), 0, 255).astype(np.uint8)
    report = look(resin)
    assert report.bare_share == 1
    assert report.summary == "14 sections: 0-13 blank; 100 % without tissue"
    assert look(np.concatenate([clean[:6], resin[6:]])).summary == "14 sections: 6-13 blank"


BAND = np.abs(0.8 * (X - 160) + 0.6 * (Y - 100)) < 15
DAMAGE = {
    "fold": (BAND, lambda section: section * 0.25),
    "crack": (BAND, lambda section: 240 + 0.02 * section),
    "charged": (np.hypot(Y - 150, X - 180) < 45, lambda section: 243 + 0.05 * section),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("z", [2, 6, 9])
def test_damage(stack, kind, z):
    where, change = DAMAGE[kind]
    stack[z] = np.where(where, change(stack[z].astype(float)), stack[z]).astype(np.uint8)
    report = look(stack)
    (found,) = report.findings
    assert (found.z, found.verdict) == (z, Verdict.DAMAGED)
    pixels = report.damaged[z].repeat(report.cell, axis=0).repeat(report.cell, axis=1)
    assert pixels[where].mean() > 0.6
    assert where[pixels].mean() > 0.6
    assert not np.delete(report.damaged, z, axis=0).any()
    assert not report.no_tissue.any()
    y, x = np.nonzero(pixels)
    assert found.box == (y.min(), y.max() + 1, x.min(), x.max() + 1)


def test_a_dark_body_that_ends_is_no_damage(stack):
    stack[:7, 100:170, 100:180] //= 4
    assert not look(stack).damaged.any()


def test_a_dark_process_cut_aslant_is_no_damage(stack):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for z in range(3, 11):
        dark = np.hypot(y - 140, x - 40 - 30 * (z - 3)) < 45
        stack[z] = np.where(dark, stack[z] // 4, stack[z])
    assert look(stack).findings == ()


def test_damage_is_measured_in_tissue(clean):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    beside = clean.copy()
    beside[:, :, WIDTH // 2 :] = np.random.default_rng(9).normal(180, 4, (DEPTH, HEIGHT, WIDTH - WIDTH // 2))
    beside[6] = np.where(np.hypot(y - 140, x - 60) < 50, beside[6] * 0.75, beside[6])
    assert look(beside).findings == ()


def test_what_all_sections_lack_is_not_missing(stack):
    stack[:, :, WIDTH // 2 :] = 0
    report = look(stack)
    assert report.findings == ()
    assert report.bare_share == pytest.approx(0.5, abs=0.06)
    assert report.summary.endswith("% without tissue")


@pytest.mark.parametrize("part", [range(DEPTH), range(3, 9)])
def test_each_section_is_read_once_and_whole_and_few_at_once(clean, part, monkeypatch):
    """Those that are read at once begin at multiples of their number, as chunks do."""
    monkeypatch.setattr("napari_emcad.core.sections.look.READ_BYTES", 5 * clean[0].nbytes)
    read = []

    class Counting:
        shape, dtype = clean.shape, clean.dtype

        def __getitem__(self, key):
            assert key[1:] == (slice(None), slice(None))
            read.append(range(DEPTH)[key[0]])
            return clean[key]

    drive(inspect_levels([Counting()], part))
    assert [z for several in read for z in several] == list(part)
    assert max(map(len, read)) == 4
    assert all(several.start % 4 == 0 for several in read[1:])


def test_some_sections_are_looked_at_as_a_stack_of_their_own(clean):
    stack = clean.copy()
    stack[5] = 0
    report = drive(inspect_levels([stack], range(2, 9)))
    assert report.shape == (7, *stack.shape[1:])
    assert [(one.z, one.verdict) for one in report.findings] == [(3, Verdict.BLANK)]


def test_progress_goes_by_sections(clean):
    steps = list(inspect_sections(clean))
    assert [one.done for one in steps if one.stage == "sections"] == list(range(DEPTH + 1))
    judged = [one.done for one in steps if one.stage == "judging sections"]
    assert judged == sorted(judged)
    assert (judged[0], judged[-1], len(steps)) == (0, DEPTH, DEPTH + 1 + len(judged))


def test_without_voxels_it_is_refused():
    with pytest.raises(UserError, match=r"a stack .* with voxels is needed"):
        look(np.zeros((0, 5, 5)))


class Level:
    """A level of a stack that counts the pixels that are read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.pixels = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        found = self.array[key]
        self.pixels += found.size
        return found


@pytest.fixture(scope="module")
def large(clean):
    return np.tile(clean[:8], (1, 4, 4))[:, :1093, :1211].copy()


def halved(stack):
    padded = np.pad(stack, [(0, 0), *((0, -n % 2) for n in stack.shape[1:])], mode="edge")
    return padded.reshape(len(stack), padded.shape[1] // 2, 2, -1, 2).mean(axis=(2, 4)).astype(np.uint8)


def test_a_lower_level_is_read_where_there_is_one(large):
    stack = large.copy()
    stack[2] = gaussian_filter(stack[2], 6)
    stack[4:] = np.roll(stack[4:], (30, -42), (1, 2))
    stack[6, 500:] = 0
    levels = [Level(stack), Level(halved(stack)), Level(halved(halved(stack)))]
    report, full = drive(inspect_levels(levels)), look(stack)
    assert [(one.z, one.verdict) for one in report.findings] == [(one.z, one.verdict) for one in full.findings]
    np.testing.assert_allclose(report.findings[1].slip.shift, (30, -42), atol=3)
    np.testing.assert_allclose(report.findings[2].box, (500, 1093, 0, 1211), atol=report.cell)
    assert report.shape == stack.shape
    assert levels[1].pixels == levels[1].array.size
    assert levels[0].pixels == 8 * 4 * 64 * 64
    assert levels[2].pixels == 0


def test_a_stack_that_knows_of_lower_levels_is_looked_at_there(large):
    stack, lower = Level(large), Level(halved(large))
    stack.coarser = [lower]
    drive(inspect_sections(stack))
    assert lower.pixels == lower.array.size
    assert stack.pixels == 8 * 4 * 64 * 64


def test_it_is_said_when_a_volume_behind_a_url_is_read_in_full(large):
    stack, lower = Level(large), Level(halved(large))
    assert SectionLook.of([stack]).note == ""
    stack.is_far = True
    assert SectionLook.of([stack, lower]).note == ""
    assert SectionLook.of([stack], range(4)).note == (
        "sections: there is no lower level to look at them in; 5.3 million voxels are read at full resolution."
    )


def test_levels_that_have_fewer_sections_are_not_read(large):
    levels = [Level(large), Level(halved(large)[::2])]
    drive(inspect_levels(levels))
    assert levels[1].pixels == 0


@pytest.mark.parametrize(("sides", "is_bare"), [((64, 80), False), ((128, 160), True)])
def test_a_small_bare_part_inside_is_a_thick_process(stack, sides, is_bare):
    stack[4:, 64 : 64 + sides[0], 80 : 80 + sides[1]] = 150
    report = look(stack)
    assert bool(report.no_tissue[6].any()) is is_bare
    assert not report.no_tissue[:3].any()
