import pytest
from editing_hands import Editing

from napari_emcad.widgets.proofread.proofreader import Proofreader


@pytest.fixture
def proofreader(desk):
    """A proofreader on a desk without a window."""
    proofreader = Proofreader(desk)
    yield proofreader
    proofreader.close()


@pytest.fixture
def editing(proofreader, session, desk, loop):
    """A session on the drawn neurons with an editor, its keys and its mouse, without a window."""
    return Editing(desk, loop, proofreader)
