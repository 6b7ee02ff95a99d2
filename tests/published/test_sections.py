"""Published stacks: none of their sections is called defective, and those that are made so are."""

import h5py
import numpy as np
import pytest
import tifffile

from napari_emcad.core.progress import drive
from napari_emcad.core.sections import SlipKind, Verdict, inspect_sections

FIRST, MIDDLE, LAST = 0, 10, 19


def published(shared, name):
    if name == "cremi_b":
        with h5py.File(shared / "data" / "cremi_b" / "sample_B_46_50.hdf") as file:
            return file["volumes/raw"][:]
    return tifffile.imread(shared / "data" / name / "raw.tif")


def look(stack):
    return drive(inspect_sections(stack))


@pytest.mark.parametrize("name", ["ac4", "vnc", "cremi_b", "fib25"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_no_false_alarm(shared, name, depth):
    report = look(published(shared, name)[:depth])
    assert report.findings == ()
    assert report.bare_share < 0.01


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 0, 1)])
def test_no_false_alarm_in_resliced_sections(shared, axes):
    assert look(np.ascontiguousarray(published(shared, "fib25").transpose(axes))).findings == ()


@pytest.fixture(scope="module")
def clean(shared):
    return published(shared, "ac4")[80:100]


@pytest.mark.parametrize("z", [FIRST, MIDDLE, LAST])
def test_a_foreign_section(shared, clean, z):
    stack = clean.copy()
    stack[z] = published(shared, "vnc")[3]
    (found,) = look(stack).findings
    assert (found.z, found.verdict, found.cause) == (z, Verdict.WRONG, "foreign")


@pytest.mark.parametrize("z", [FIRST, MIDDLE, LAST])
def test_a_mirrored_section(clean, z):
    stack = clean.copy()
    stack[z] = clean[z, ::-1]
    (found,) = look(stack).findings
    assert (found.z, found.cause) == (z, "mirrored top to bottom")


@pytest.mark.parametrize("pixels", [16, 32])
@pytest.mark.parametrize("z", [FIRST, MIDDLE, LAST])
def test_one_shifted_section(clean, z, pixels):
    stack = clean.copy()
    stack[z] = np.roll(clean[z], pixels, 1)
    (found,) = look(stack).findings
    assert (found.z, found.slip.kind) == (z, SlipKind.SINGLE)
    np.testing.assert_allclose(found.slip.shift, (0, pixels), atol=6)


def test_the_rest_is_shifted(clean):
    stack = clean.copy()
    stack[MIDDLE:] = np.roll(clean[MIDDLE:], 24, 2)
    (found,) = look(stack).findings
    assert (found.z, found.slip.kind) == (MIDDLE, SlipKind.JUMP)
    np.testing.assert_allclose(found.slip.shift, (0, 24), atol=6)


def test_resin_and_black_beside_tissue(clean):
    stack = clean[:8].copy()
    stack[:, :, :512] = np.random.default_rng(0).normal(200, 6, (8, 1024, 512))
    stack[:, :256] = 0
    report = look(stack)
    assert report.findings == ()
    assert report.bare_share == pytest.approx(0.625, abs=0.05)
