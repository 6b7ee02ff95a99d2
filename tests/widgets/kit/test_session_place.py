"""Names of new sessions."""

import numpy as np
import pytest
from napari.layers import Image

from napari_emcad.widgets.kit import session_place
from napari_emcad.widgets.kit.session_place import next_session_folder, session_folder


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
