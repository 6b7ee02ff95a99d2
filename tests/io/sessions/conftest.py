import pytest
from graphs import LINE, segmentation
from line_session import FACTS, affinities

from napari_emcad.io.sessions.new_session import create_session


@pytest.fixture
def folder(tmp_path):
    """A closed session on the line of four fragments; {1, 2} and {3, 4} at its threshold."""
    base = segmentation(LINE)
    create_session(tmp_path / "a.emcad", base, affinities(base.fragments.shape), FACTS).close()
    return tmp_path / "a.emcad"
