"""Colours that a session keeps."""

import shutil

import numpy as np
import pytest

from napari_emcad.core import palettes
from napari_emcad.core.errors import UserError
from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES, LabelColours
from napari_emcad.io.sessions.colour_files import colours_damage, keep_colours, read_colours

KEPT = LabelColours(COLOUR_BLIND, np.array([0, 7, 15, 3], np.uint8))


@pytest.fixture
def folder(tmp_path):
    keep_colours(tmp_path, LabelColours(BRIGHT, np.array([1, 2], np.uint8)))
    keep_colours(tmp_path, KEPT)
    return tmp_path


def test_colours_are_read_as_they_were_kept_last(folder):
    found = read_colours(folder)
    assert found.palette == KEPT.palette and not colours_damage(folder)
    np.testing.assert_array_equal(found.of_label, KEPT.of_label)


def test_a_session_of_an_earlier_version_keeps_none(tmp_path):
    assert read_colours(tmp_path) is None


def test_colours_of_a_palette_that_has_changed_are_none(folder, monkeypatch):
    monkeypatch.setitem(palettes.PALETTES, COLOUR_BLIND, ["#010203", *PALETTES[COLOUR_BLIND][1:]])
    assert read_colours(folder) is None


@pytest.mark.parametrize("name", ["of_label.npy", "palette.npy", "checksums.json"])
def test_any_damage_is_said(folder, name):
    path = folder / "colours" / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="colours of neurons are damaged"):
        read_colours(folder)
    assert "colours of neurons are damaged" in colours_damage(folder)


@pytest.mark.parametrize("of_label", [np.array([16], np.uint8), np.zeros(2, np.int64), np.zeros((2, 2), np.uint8)])
def test_colours_that_no_palette_has_are_damage(tmp_path, of_label):
    keep_colours(tmp_path, LabelColours(COLOUR_BLIND, of_label))
    assert colours_damage(tmp_path)


def test_what_cannot_be_written_is_left(folder):
    shutil.rmtree(folder)
    keep_colours(folder, KEPT)
    assert not folder.exists()
