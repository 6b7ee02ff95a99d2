"""Names of new sessions."""

import numpy as np
import pytest
from napari.layers import Image

from napari_emcad.widgets.kit import session_place
from napari_emcad.widgets.kit.session_place import next_session_folder, session_folder, why_elsewhere


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The person's own data."""
    monkeypatch.setattr(session_place, "own_data", lambda: tmp_path / "own")
    return tmp_path / "own" / "sessions"


def layer(source=None, name="a/b: c") -> Image:
    return Image(np.zeros((2, 3, 4)), name=name, metadata={"source": source})


def test_a_session_lies_beside_the_file(tmp_path, own):
    (tmp_path / "em.tif").touch()
    source = layer(str(tmp_path / "em.tif"))
    assert session_folder(source) == tmp_path / "em.emcad"
    (tmp_path / "em.emcad").mkdir()
    assert session_folder(source) == tmp_path / "em_2.emcad"


@pytest.mark.parametrize("source", [None, "https://host/em.zarr", "gone.tif"])
def test_a_session_without_a_file_lies_in_the_person_s_data(own, source):
    assert session_folder(layer(source)) == own / "a_b_ c.emcad"
    assert session_folder(layer(source, "...")) == own / "___.emcad"


def test_a_session_in_a_read_only_folder_lies_in_the_person_s_data_and_says_why(tmp_path, own, monkeypatch):
    path = tmp_path / "em.tif"
    path.touch()
    source = layer(str(path))
    assert why_elsewhere(session_folder(source), source) == ""
    monkeypatch.setattr(session_place.os, "access", lambda *_: False)
    folder = session_folder(source)
    assert folder.parent == own and why_elsewhere(folder, source) == f"; nothing can be written beside {path}"
    path.unlink()
    assert why_elsewhere(folder, source) == f"; {path} is not there any more"
    assert why_elsewhere(folder, layer()) == why_elsewhere(folder, layer("https://host/em.zarr")) == ""


@pytest.mark.parametrize(
    ("there", "old", "expected"),
    [
        ([], "a", "a-2"),
        (["a-2"], "a", "a-3"),
        (["a"], "a-2", "a-3"),
        ([], "a-2", "a-2-2"),  # no a.emcad: the number is part of the name
    ],
)
def test_the_session_after_another_one(tmp_path, own, there, old, expected):
    for name in (*there, old):
        (tmp_path / f"{name}.emcad").mkdir()
    assert next_session_folder(tmp_path / f"{old}.emcad", layer()) == tmp_path / f"{expected}.emcad"
