from dataclasses import replace

import numpy as np
import pytest
from drawings import neuropil, uneven

from napari_emcad.core.errors import UserError
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.stack_kind import SAMPLED_SECTIONS
from napari_emcad.inference import normalisation as module
from napari_emcad.inference.normalisation import (
    EM_GREYS,
    NARROW,
    Normalisation,
    choose_normalisation,
    is_exchanged,
    pale_scale,
    trained_greys,
)
from napari_emcad.networks.card import ModelCard


class Sections:
    """Gives whole sections only, and counts them."""

    def __init__(self, values):
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, z):
        assert type(z) is int
        self.read.append(z)
        return self.values[z]


def test_bytes_are_taken_as_published():
    volume = Sections(np.full((3, 4, 5), 77, np.uint8))
    assert Normalisation.of(volume) == Normalisation(0, 255)
    assert volume.read == []
    section = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_array_equal(Normalisation(0, 255).apply(section), (section / np.float32(255)))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int64, np.float16, np.float32, np.float64, ">u2"])
def test_other_dtypes_are_spread_by_percentiles(dtype):
    levels = np.random.default_rng(0).permutation(40 * 40) + 1000
    volume = levels.reshape(1, 40, 40).repeat(3, 0).astype(dtype)
    normalisation = Normalisation.of(volume)
    sample = volume[:, ::4, ::4].astype(float)
    assert (normalisation.low, normalisation.high) == pytest.approx(tuple(np.percentile(sample, (0.5, 99.5))))
    scaled = normalisation.apply(volume[1])
    assert scaled.dtype == np.float32
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert 0.45 < np.median(scaled) < 0.55
    assert (np.diff(scaled.ravel()[np.argsort(volume[1].ravel(), kind="stable")]) >= 0).all()


def test_a_few_sections_over_the_whole_depth_are_sampled():
    volume = Sections(uneven((100, 5, 6), np.uint16))
    Normalisation.of(volume)
    assert len(volume.read) == len(set(volume.read)) == SAMPLED_SECTIONS
    assert (min(volume.read), max(volume.read)) == (0, 99)
    single = Sections(uneven((1, 5, 6), np.uint16))
    Normalisation.of(single)
    assert single.read == [0]


def test_black_and_white_of_a_mask():
    assert Normalisation.of(uneven((2, 16, 16)) > 128) == Normalisation(0, 1)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.bool_])
def test_a_constant_volume_is_refused(dtype):
    with pytest.raises(UserError, match=r"^grey levels: the volume has nothing but 1 between its 0.5 and 99.5 perc"):
        Normalisation.of(np.ones((2, 20, 20), dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    volume = uneven((2, 8, 9), np.float32)
    volume[1, 4, 4] = value
    with pytest.raises(UserError, match=r"^grey levels: the volume holds NaN or infinite values; replace them"):
        Normalisation.of(volume)


def test_em_stacks_may_lack_sections():
    """The network refuses NaN where it has to look at it, and a plan leaves out what is NaN."""
    volume = uneven((3, 80, 96), np.float32)
    volume[1], volume[2, :, 48:] = np.nan, np.inf
    rest = np.concatenate([volume[0, ::4, ::4].ravel(), volume[2, ::4, :48:4].ravel()])
    found = Normalisation.of(volume, EM_GREYS)
    np.testing.assert_allclose((found.low, found.high), np.percentile(rest.astype(float), (0.5, 99.5)))
    with pytest.raises(UserError, match=r"^grey levels: the volume holds NaN or infinite values"):
        Normalisation.of(np.full((3, 8, 9), np.nan), EM_GREYS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, np.bool_])
def test_levels_outside_are_clipped_and_the_section_is_left_alone(dtype):
    section = np.array([[0, 1], [40, 100]]).astype(dtype)
    before = section.copy()
    scaled = Normalisation(0.5, 60.5).apply(section)
    expected = np.clip((section.astype(float) - 0.5) / 60, 0, 1)
    np.testing.assert_allclose(scaled, expected, atol=1e-6)
    np.testing.assert_array_equal(section, before)


def test_integers_do_not_wrap_round():
    np.testing.assert_array_equal(Normalisation(10, 20).apply(np.array([[5, 25]], np.uint16)), [[0, 1]])


def test_levels_outside_stay_outside_where_it_does_not_clip():
    found = Normalisation(168.5, 668.5, clips=False).apply(np.array([[118.5, 168.5, 1168.5]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[-0.1, 0, 2]], atol=1e-6)


def test_of_large_sections_tiles_from_edge_to_edge_are_read(monkeypatch):
    monkeypatch.setattr("napari_emcad.inference.normalisation.SAMPLED_SIDE", 40)
    monkeypatch.setattr("napari_emcad.inference.normalisation.TILE", 8)
    values, read = uneven((3, 64, 30), np.uint16), np.zeros((3, 64, 30), bool)

    class Watched:
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, place):
            read[place] = True
            return values[place]

    of_tiles = Normalisation.of(Watched())
    assert read.sum() == 3 * 40 * 30 and read[:, [0, 63]].all()
    sample = np.concatenate([values[:, y : y + 8 : 4, ::4].ravel() for y in (0, 14, 28, 42, 56)])
    assert (of_tiles.low, of_tiles.high) == pytest.approx(tuple(np.percentile(sample, (0.5, 99.5))))


def test_grey_levels_asked_for_come_before_those_of_the_data():
    volume = uneven((2, 40, 40), np.uint16)
    data = Normalisation.of(volume)
    for black, white in ((None, None), (5, None), (None, 60_000), (7, 9), (0, None)):
        found = choose_normalisation(volume, black, white)
        assert found.low == (data.low if black is None else black)
        assert found.high == (data.high if white is None else white)
    flat = np.ones((2, 20, 20), np.uint16)
    assert choose_normalisation(flat, 0, 2) == Normalisation(0, 2)


@pytest.mark.parametrize(("black", "white"), [(9, 9), (300, None), (None, 0)])
@pytest.mark.parametrize("trained", [None, EM_GREYS])
def test_black_lies_below_white(black, white, trained):
    with pytest.raises(UserError, match=r"^grey levels: black must lie below white, got \d+ and \d+; set both\.$"):
        choose_normalisation(uneven((1, 16, 16)), black, white, trained)


def test_both_levels_may_be_exchanged_for_em_stacks():
    volume = uneven((2, 16, 17))
    found = choose_normalisation(volume, 255, 0, EM_GREYS)
    assert found == Normalisation(255, 0)
    np.testing.assert_allclose(found.apply(volume[0]), Normalisation(0, 255).apply(255 - volume[0]), atol=1e-6)
    crops = found.for_crops(volume)
    assert crops.dtype == np.float32
    np.testing.assert_array_equal(crops[1], found.apply(volume[1]))
    with pytest.raises(UserError, match="black must lie below white, got 255 and 0"):
        choose_normalisation(volume, 255, 0)


# ---- bytes that are stretched ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def em():
    return neuropil((8, 120, 130), seed=1)


def squeezed(em, low=100, high=150):
    return (low + em / 255.0 * (high - low)).round().astype(np.uint8)


def test_bytes_that_fill_their_range_are_taken_as_they_are(em):
    assert Normalisation.of(em, EM_GREYS) == Normalisation(0, 255)
    assert Normalisation.of(squeezed(em, 30, 220), EM_GREYS) == Normalisation(0, 255)
    assert Normalisation.of(uneven((3, 40, 50)), EM_GREYS) == Normalisation(0, 255)


def test_bytes_in_a_narrow_range_are_stretched_to_the_range_of_training(em):
    narrow = squeezed(em)
    assert Normalisation.of(narrow) == Normalisation(0, 255)
    found = Normalisation.of(narrow, EM_GREYS)
    assert found.apply(np.percentile(narrow, (0.5, 99.5))) == pytest.approx(EM_GREYS, abs=0.02)
    assert 95 <= found.low < found.high <= 150
    assert found.for_crops(narrow).dtype == np.float32
    assert choose_normalisation(narrow, None, None, EM_GREYS) == found
    assert choose_normalisation(narrow, 0, 255, EM_GREYS) == Normalisation(0, 255)
    small = (EM_GREYS[0], EM_GREYS[0] + 0.1)
    assert Normalisation.of(narrow, small) == Normalisation(0, 255), "narrow to a model that has seen more"


def test_noise_is_no_contrast(em):
    """With noise, pale greys reach further than those that are stretched for their narrow range."""
    noise = np.random.default_rng(0).normal(0, 18, em.shape)
    pale = (squeezed(em, 80, 175) + noise).clip(0, 255).round().astype(np.uint8)
    low, high = np.percentile(pale, (0.5, 99.5))
    assert high - low > NARROW * 255 * (EM_GREYS[1] - EM_GREYS[0])
    assert Normalisation.of(pale, EM_GREYS) != Normalisation(0, 255)
    assert pale_scale(pale, EM_GREYS) is None


def test_greys_between_pale_and_good_are_taken_as_they_are_and_told():
    """Half of a section is dark, half of it bright, 125 levels apart: more contrast than is stretched."""
    halves = np.full((3, 40, 40), 60, np.uint8)
    halves[:, :, 20:] = 185
    assert Normalisation.of(halves, EM_GREYS) == Normalisation(0, 255)
    found = pale_scale(halves, EM_GREYS)
    assert found is not None
    assert found.apply(np.array([[60, 185]])).ravel() == pytest.approx(EM_GREYS, abs=0.01)
    assert pale_scale(halves, (0.2, 0.8)) is None, "not pale beside what the model has seen"
    assert pale_scale(halves.astype(np.uint16), EM_GREYS) is None, "is stretched as it is"


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_padding_and_lost_sections_do_not_set_the_scale(em, fill, dtype):
    narrow = squeezed(em).astype(dtype)
    expected = Normalisation.of(narrow, EM_GREYS)
    padded = narrow.copy()
    padded[:, :, :40] = fill
    padded[2] = fill
    padded[5] = np.random.default_rng(0).integers(0, 256, em.shape[1:])
    found = Normalisation.of(padded, EM_GREYS)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=4)


def test_bytes_of_one_level_are_taken_as_they_are():
    assert Normalisation.of(np.full((2, 20, 20), 7, np.uint8), EM_GREYS) == Normalisation(0, 255)


def test_a_card_states_what_its_network_was_trained_on():
    assert trained_greys(None) == trained_greys(ModelCard()) == EM_GREYS
    assert trained_greys(ModelCard(grey_range=(0.2, 0.7))) == (0.2, 0.7)
    assert is_exchanged(9, 3) and not is_exchanged(3, 9) and not is_exchanged(None, 3)


# ---- by a plan for the sections --------------------------------------------------------------------------------------


def test_used_tissue_decides():
    volume = uneven((9, 64, 80), np.uint16) // 4 + 20_000
    expected = Normalisation.of(volume[[0, 2, 3, 5, 6, 7, 8]][:, :, :48])
    broken, plan = volume.astype(np.float32), SectionPlan.as_is(volume.shape).leaving_out(1).inverting(4)
    broken[1], broken[4], broken[:, :, 48:] = np.nan, 60_000 - broken[4], 60_000
    broken[:, ::3, 48:] = 40_000
    bare = np.zeros((9, 4, 5), bool)
    bare[:, :, 3:] = True
    found = Normalisation.of(broken, None, replace(plan, cell=16, missing=~bare & False, no_tissue=bare))
    assert found == expected
    assert Normalisation.of(np.nan_to_num(broken)).high > expected.high


def test_a_plan_that_uses_all_changes_no_levels():
    volume = uneven((9, 64, 80), np.uint16)
    assert Normalisation.of(volume, EM_GREYS, SectionPlan.as_is(volume.shape)) == Normalisation.of(volume, EM_GREYS)


def test_a_large_stack_is_sampled_where_there_is_tissue(monkeypatch):
    monkeypatch.setattr(module, "SAMPLED_SIDE", 64)
    monkeypatch.setattr(module, "TILE", 16)
    volume = uneven((2, 80, 200), np.uint16) // 4
    volume[:, :, 96:] = 65_000 + uneven((2, 80, 104), np.uint16) % 100
    bare = np.zeros((2, 5, 13), bool)
    bare[:, :, 6:] = True
    plan = replace(SectionPlan.as_is(volume.shape), cell=16, missing=~bare & False, no_tissue=bare)
    assert Normalisation.of(volume, None, plan).high < 17_000 < Normalisation.of(volume).high


def test_stacks_of_inverted_sections_or_none_are_sampled_as_a_whole():
    volume, plan = uneven((2, 64, 80), np.uint16), SectionPlan.as_is((2, 64, 80))
    for one in (plan.inverting(0).inverting(1), plan.leaving_out(0).leaving_out(1)):
        assert Normalisation.of(volume, None, one) == Normalisation.of(volume)
