import h5py
import numpy as np
import pytest
import tifffile
from drawings import neuropil

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic.optical import synthetic_optical
from napari_emcad.inference.kind_warning import contrast_note, kind_warning, stretch_note
from napari_emcad.inference.normalisation import EM_GREYS
from napari_emcad.networks.card import ModelCard

STUDENT = ModelCard(role="student", title="Mouse")
TEACHER = ModelCard(role="teacher", title="Slow mouse")
SDASN = ModelCard(role="foreground", title="Axons", black=168.5, white=668.5)


@pytest.fixture(scope="module")
def optical():
    return synthetic_optical((40, 90, 100), seed=1).raw


@pytest.fixture(scope="module")
def em():
    return neuropil((4, 120, 130))


@pytest.mark.parametrize("card", [STUDENT, TEACHER])
def test_a_network_for_em_on_an_optical_volume(card, em, optical):
    assert kind_warning(card, em) == kind_warning(card, em, VoxelSize(30, 6, 6)) == ""
    assert kind_warning(card, optical) == (
        f"model: {card.title} is made for EM stacks and this looks like an optical volume; use an SDASN."
    )
    assert kind_warning(card, optical, VoxelSize(500, 500, 500))


def test_an_sdasn_on_an_em_stack(em, optical):
    assert kind_warning(SDASN, optical) == kind_warning(SDASN, optical, VoxelSize(500, 500, 500)) == ""
    assert kind_warning(SDASN, em) == (
        "model: Axons is made for optical volumes and this looks like an EM stack; use a CAD student."
    )


def test_voxels_of_an_em_stack_speak_where_grey_levels_do_not():
    noise = np.random.default_rng(0).normal(150, 12, (9, 60, 60))
    assert kind_warning(SDASN, noise) == ""
    assert "looks like an EM stack" in kind_warning(SDASN, noise, VoxelSize(30, 6, 6))


def test_grey_levels_that_the_model_cannot_take(optical):
    dark = (optical // 5).astype(np.uint8)
    assert kind_warning(SDASN, dark).startswith("grey levels: Axons takes grey level 168.5 for 0 and 668.5 for 1, and")
    assert "half of the voxels here are above 1" in kind_warning(SDASN, optical + np.uint16(1000))
    assert kind_warning(SDASN.changed(black=None, white=None), dark) == ""


def test_an_inverted_stack(em):
    assert kind_warning(STUDENT, 255 - em, VoxelSize(30, 6, 6)) == (
        "grey levels: this stack looks inverted, with membranes brighter than cytoplasm, and Mouse wants dark ones; "
        "exchange black and white (--black 255 --white 0)."
    )
    assert kind_warning(STUDENT, 255 - em, is_exchanged=True) == ""
    assert kind_warning(STUDENT, em, is_exchanged=True).endswith("makes them bright; set black below white.")


def test_bytes_that_are_stretched_are_said(em):
    assert stretch_note(em, 0, 255) == stretch_note(em.astype(np.uint16), 7, 90) == ""
    assert "7 is taken for black and 90 for white (--black 0 --white 255 leaves" in stretch_note(em, 7, 90)


def test_pale_bytes_that_are_not_stretched_are_told(em):
    halves = np.full((3, 40, 40), 60, np.uint8)
    halves[:, :, 20:] = 185
    assert contrast_note(em, EM_GREYS) == ""
    assert "as they are; if neurons run together, try --black 59 --white 192.9." in contrast_note(halves, EM_GREYS)


def test_published_volumes(shared):
    ac4 = tifffile.imread(shared / "data" / "ac4" / "raw.tif", key=range(80, 84))[:, 256:512, 256:512]
    with h5py.File(shared / "data" / "cremi_b" / "sample_B_46_50.hdf") as file:
        cremi = file["volumes/raw"][:]
    with np.load(shared / "reference" / "sdasn_io.npz") as file:
        optical = file["volume"]
    for em in (ac4, cremi, ac4.astype(np.uint16) * 200):
        assert kind_warning(STUDENT, em) == ""
        assert "looks like an EM stack" in kind_warning(SDASN, em)
    assert kind_warning(SDASN, optical) == ""
    assert "looks like an optical volume" in kind_warning(STUDENT, optical)
