import pytest
from editing_hands import Editing


@pytest.fixture
def editing(session, desk, loop):
    """A session on the drawn neurons with an editor and its keys, without a window."""
    return Editing(desk, loop)
