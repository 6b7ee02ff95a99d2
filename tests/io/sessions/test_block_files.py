import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.sessions.block_files import BlockFiles

SHAPE = (4, 24, 37)


@pytest.fixture
def files(tmp_path):
    found = BlockFiles(tmp_path)
    found.create(SHAPE, VoxelSize(40, 5, 4))
    return found


def test_arrays_are_empty_and_stay(files):
    assert (files.affinities.shape, files.affinities.dtype) == ((3, *SHAPE), np.uint8)
    assert (files.local.shape, files.local.dtype) == (SHAPE, np.uint32)
    assert not files.affinities[:].any() and not files.local[:].any()
    files.local[1:3, 0:5, 2:4] = np.full((2, 5, 2), 7, np.uint32)
    files.create(SHAPE, None)
    assert files.local[2, 4, 3] == 7


@pytest.mark.parametrize(("ids", "stored"), [(np.uint32, np.uint32), (np.int64, np.uint64)])
def test_fragments_are_unsigned_on_disk(files, ids, stored):
    files.create_fragments(ids, None)
    assert (files.fragments.shape, files.fragments.dtype) == (SHAPE, stored)


def test_a_step_is_done_when_its_table_is_there(files):
    assert not files.is_done("region graph", 3) and files.finished_blocks() == {}
    files.save_table("region graph", 3, u=np.arange(4), mean=np.ones(2, np.float32))
    files.save_table("region graph", 11)
    files.save_table("fragments", 3)
    assert files.is_done("region graph", 3) and not files.is_done("region graph", 1)
    assert files.finished_blocks() == {"region graph": {3, 11}, "fragments": {3}}
    found = files.load_table("region graph", 3)
    np.testing.assert_array_equal(found["u"], np.arange(4))
    assert found["mean"].dtype == np.float32 and files.load_table("fragments", 3) == {}


def test_damaged_files_are_one_sentence(files, tmp_path):
    files.save_table("fragments", 0, sizes=np.arange(9))
    (tmp_path / "blocks" / "fragments.0.npz").write_bytes(b"PK no")
    with pytest.raises(UserError, match=r"fragments\.0\.npz: missing or damaged; remove this file and resume"):
        files.load_table("fragments", 0)
    (tmp_path / "local.zarr" / ".zarray").unlink()
    with pytest.raises(UserError, match=r"local\.zarr: missing or damaged; remove .* and begin anew"):
        _ = files.local
    with (
        pytest.raises(UserError, match=r"a block cannot be read or written .*; resume the run"),
        files.explain_errors(),
    ):
        raise OSError("torn cable")


def test_the_dashboard_is_there_as_long_as_the_run(files):
    assert files.dashboard == ""
    with files.publish_dashboard("http://host:8787"):
        assert files.dashboard == "http://host:8787"
    assert files.dashboard == ""
    with files.publish_dashboard(None):
        assert files.dashboard == ""


def test_what_a_session_does_not_need_is_removed(files, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    files.create_fragments(np.uint32, None)
    files.save_table("fragments", 0)
    files.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["affinities.zarr", "fragments.zarr"]
