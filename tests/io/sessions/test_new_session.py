import numpy as np
import pytest
from graphs import LINE, segmentation
from line_session import FACTS, affinities

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.log import EditLog


def test_round_trip(folder):
    base = segmentation(LINE)
    with open_session(folder) as opened:
        found = opened.session.state.base
        for name in ("u", "v", "mean", "quantiles", "area", "contact"):
            mine, theirs = getattr(base.graph, name), getattr(found.graph, name)
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(base.tree.leaves, found.tree.leaves)
        np.testing.assert_array_equal(base.tree.gaps, found.tree.gaps)
        np.testing.assert_array_equal(base.sizes, found.sizes)
        np.testing.assert_array_equal(base.fragments, found.fragments)
        np.testing.assert_array_equal(opened.affinities[:], affinities(base.fragments.shape))
        assert opened.why_read_only == ""
        assert opened.session.log.writable
        assert (opened.session.state.threshold, opened.session.state.min_size) == (0.5, 3)
        kept = {"base_hash": opened.session.base_hash, "checksums": opened.facts.checksums}
        assert opened.facts == FACTS.placed(folder).model_copy(update=kept)
        assert opened.facts.checksums.keys() == {"graph", "boxes", "affinities.zarr"}
        assert opened.facts.voxel_size == VoxelSize(40, 5, 6)
        assert opened.facts.box_of((1, 1, 40)) == Box((1, 2, 3), (2, 3, 43))
    assert [f.name for f in folder.parent.iterdir()] == ["a.emcad"]


def test_affinities_are_optional(tmp_path):
    with create_session(tmp_path / "a.emcad", segmentation(LINE), None, FACTS) as opened:
        assert opened.affinities is None
        assert opened.session.merge(1, 4, confirmed=True).seq == 1


def test_a_session_is_never_replaced(folder):
    with open_session(folder) as opened:
        opened.session.detach(2)
    with pytest.raises(UserError, match="this name is taken"):
        create_session(folder, segmentation(LINE), None, FACTS)
    assert len(EditLog(folder / "edits.db", read_only=True).rows) == 1


def test_what_fails_leaves_nothing(tmp_path):
    class Broken:
        shape = (3, 1, 1, 40)

        def __getitem__(self, _):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        create_session(tmp_path / "a.emcad", segmentation(LINE), Broken(), FACTS)
    assert not list(tmp_path.iterdir())
