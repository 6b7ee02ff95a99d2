import pytest
import tifffile
from drawings import neuropil

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.blocks.block_session import BlockSession

SHAPE = (18, 48, 64)
"""Two blocks."""


@pytest.fixture
def file(tmp_path):
    """A stack of two blocks."""
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, neuropil(SHAPE, VoxelSize(40, 6, 6), seed=2), photometric="minisblack")
    return path


@pytest.fixture
def open_file(open_stack, file):
    """Open the file in the desk's viewer."""
    return lambda: open_stack(tifffile.imread(file), "large", metadata={"source": str(file), "dataset": None})


@pytest.fixture
def blocks(desk, open_file):
    """A session by blocks over the desk, with a stack open."""
    blocks = BlockSession(desk)
    open_file()
    yield blocks
    blocks.close()
