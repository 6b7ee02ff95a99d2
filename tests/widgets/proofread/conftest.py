import numpy as np
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


@pytest.fixture
def neurons() -> np.ndarray:
    """Four neurons of sixteen columns, with a rim of background; their ids are not in order."""
    labels = np.repeat(np.array([3, 1, 9, 7], np.uint16), 16)[None, None].repeat(3, 0).repeat(48, 1)
    labels[:, :4] = 0
    return labels
