"""Sessions on disk whose stack has a section that is left out, and a slip."""

import bridged
import numpy as np
import pytest
from bridged import GAP
from scipy.ndimage import label

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.surfaces import neuron_surface, whole_surface
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.section_plans import plan_of_json
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import find_boxes, open_session, open_session_at
from napari_emcad.io.stacks.stack import open_stack

BOX = Box((7, 0, 0), (12, 3, 12))


@pytest.fixture(params=[None, BOX], ids=["whole stack", "box"])
def box(request) -> Box | None:
    return request.param


@pytest.fixture
def folder(tmp_path, box):
    facts, base = bridged.facts(box), bridged.segmentation(plan=bridged.planned(box))
    create_session(tmp_path / "a.emcad", base, bridged.affinities_of(), facts).close()
    return tmp_path / "a.emcad"


def test_a_session_and_its_copy_keep_the_plan(folder, tmp_path, box):
    copy_session(folder, tmp_path / "b.emcad")
    for path in (folder, tmp_path / "b.emcad"):
        with open_session(path) as opened:
            planned = opened.session.state.planned
            assert planned.box == bridged.planned(box).box
            np.testing.assert_array_equal(planned.bridged(), bridged.planned().bridged())
            opened.session.split_fragment([(GAP, 1, 1)], [(GAP, 1, 4)])
            np.testing.assert_array_equal(
                opened.session.state.base.fragments[GAP], opened.session.state.base.fragments[GAP - 1]
            )
            assert open_session_at(opened, 0).state.planned == planned
            now = opened.session.state.digest()
        with open_session(path) as again:
            assert again.session.state.digest() == now


@pytest.mark.parametrize("name", ["mask.tif", "mask.zarr", "mask.ome.zarr", "mask.precomputed", "mask"])
def test_the_mask_of_what_is_made_up_is_exported(folder, tmp_path, name):
    with open_session(folder, to_read=True) as opened:
        drive(export_session("interpolated", tmp_path / name, opened))
    with open_stack(tmp_path / name) as found:
        np.testing.assert_array_equal(found.array[:] > 0, bridged.planned().bridged())
        assert found.array[:].max() == 1


@pytest.mark.parametrize("what", ["labels", "interpolated"])
def test_exports_say_what_was_done_with_the_sections(folder, tmp_path, box, what):
    with open_session(folder, to_read=True) as opened:
        drive(export_session(what, tmp_path / "out.tif", opened))
    said = read_provenance(tmp_path / "out.tif")["sections"]
    plan = plan_of_json(said, tuple(said["shape"]))
    np.testing.assert_array_equal(plan.left_out, bridged.planned(box).plan.left_out)
    np.testing.assert_array_equal(plan.offset, bridged.planned(box).plan.offset)


def test_where_all_is_seen_nothing_is_said_and_the_mask_is_empty(tmp_path):
    create_session(tmp_path / "a.emcad", bridged.segmentation(), None, SessionFacts(threshold=0.5)).close()
    with open_session(tmp_path / "a.emcad", to_read=True) as opened:
        assert opened.session.state.planned is None
        drive(export_session("interpolated", tmp_path / "mask.tif", opened))
    with open_stack(tmp_path / "mask.tif") as found:
        assert not found.array[:].any()
    assert "sections" not in read_provenance(tmp_path / "mask.tif")


def test_a_neuron_is_one_surface_across_the_gap(folder):
    with open_session(folder, to_read=True) as opened:
        state, boxes = opened.session.state, drive(find_boxes(opened))
        members = np.array([2, 4])
        assert label(np.isin(state.base.fragments, members))[1] == 1
        for surface in (
            whole_surface(state.base.fragments, members, boxes, opened.facts.voxel_size),
            neuron_surface(state.base.fragments, members, boxes, opened.facts.voxel_size),
        ):
            low, high = surface.vertices[:, 0].min(), surface.vertices[:, 0].max()
            assert low < 40 * (GAP - 1) and high > 40 * GAP
            assert pieces_of(surface) == 1


def pieces_of(surface) -> int:
    """Brute force: groups of vertices that faces connect."""
    group = np.arange(len(surface.vertices))
    while True:
        lowest = group[surface.faces].min(axis=1)
        new = group.copy()
        np.minimum.at(new, surface.faces.ravel(), np.repeat(lowest, 3))
        if (new == group).all():
            return len(np.unique(group))
        group = new
