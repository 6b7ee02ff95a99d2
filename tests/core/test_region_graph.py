import os
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from drawings import drawn, patient, uneven
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from plans import any_plan, holes_of, partner_of, usable_of

from napari_emcad.core import region_graph as module
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import QUANTILES, build_region_graph, joined_graphs
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import MOST_BRIDGED


def faces_one_by_one(affinities, fragments):
    """(u, v) -> [(level, voxel)] over all voxel faces between two fragments."""
    faces = defaultdict(list)
    for voxel in np.ndindex(fragments.shape):
        for axis in range(3):
            before = tuple(p - (a == axis) for a, p in enumerate(voxel))
            if before[axis] >= 0:
                pair = sorted([int(fragments[voxel]), int(fragments[before])])
                if 0 < pair[0] < pair[1]:
                    faces[tuple(pair)].append((int(affinities[(axis, *voxel)]), voxel))
    return faces


def smallest_not_exceeded_by(percent, levels):
    """The definition in `RegionGraph`: the smallest level that at least so many percent of the levels do not exceed."""
    return next(a for a in sorted(levels) if Fraction(100 * sum(b <= a for b in levels), len(levels)) >= percent)


def check(affinities, fragments):
    before = affinities.copy(), fragments.copy()
    graph = drive(build_region_graph(affinities, fragments))
    faces = faces_one_by_one(affinities, fragments)
    assert list(zip(graph.u.tolist(), graph.v.tolist(), strict=True)) == sorted(faces)
    assert len(graph) == len(faces)
    for edge, pair in enumerate(sorted(faces)):
        levels = [level for level, _ in faces[pair]]
        assert graph.area[edge] == len(levels)
        assert graph.mean[edge] == pytest.approx(sum(levels) / len(levels) / 255, abs=1e-6)
        expected = [smallest_not_exceeded_by(q, levels) for q in QUANTILES]
        np.testing.assert_allclose(graph.quantiles[edge] * 255, expected, atol=1e-4)
        assert (smallest_not_exceeded_by(50, levels), tuple(graph.contact[edge].tolist())) in faces[pair]
    np.testing.assert_array_equal(affinities, before[0])
    np.testing.assert_array_equal(fragments, before[1])
    return graph


ids = st.integers(0, 6) | st.just(2**28 - 1)
volumes = arrays(np.uint32, array_shapes(min_dims=3, max_dims=3, max_side=4), elements=ids)


@patient
@given(volumes, st.integers(0, 99), st.sampled_from([3, 255]))
def test_edges_are_those_of_the_voxel_faces(fragments, seed, levels):
    affinities = uneven((3, *fragments.shape), seed=seed) % np.uint8(levels)
    check(affinities, fragments)


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 9, 4), (7, 1, 5), (4, 8, 1)])
@pytest.mark.parametrize("ids", [3, 40, 70_000])
def test_edges_of_random_fragments(shape, ids):
    fragments = np.random.default_rng(1).integers(0, ids, shape).astype(np.uint32)
    check(uneven((3, *shape)), fragments)


@pytest.mark.parametrize("threads", [1, 3])
def test_fragments_may_span_sections(threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    fragments = drawn("""
        1122.
        1133.

        1122.
        4133.

        1522.
        45336
    """)
    graph = check(uneven((3, *fragments.shape)), fragments)
    assert list(zip(graph.u, graph.v, strict=True))[:3] == [(1, 2), (1, 3), (1, 4)]


@pytest.mark.parametrize("bits", [0, 255])
def test_packed_and_sorted_by_columns_give_the_same(bits, monkeypatch):
    """`LEVEL_BITS` of 255 leaves no room in 64 bits, so that every section takes the other way."""
    fragments = np.random.default_rng(2).integers(0, 9, (3, 6, 5)).astype(np.uint32)
    affinities = uneven((3, 3, 6, 5)) % np.uint8(5)
    columns = [column.astype(np.uint32) for column in np.random.default_rng(3).integers(1, 9, (4, 200))]
    columns[2] = columns[2].astype(np.uint8)
    packed = module._sorted(*columns)
    order = np.lexsort(columns[::-1])
    for column, found in zip(columns, packed, strict=True):
        np.testing.assert_array_equal(found, column[order])
    lexsort, called = np.lexsort, []
    monkeypatch.setattr(np, "lexsort", lambda keys: called.append(len(keys)) or lexsort(keys))
    if bits:
        fragments[fragments == 8] = 2**28 - 1  # so far from the others that the packed number exceeds 64 bits
    check(affinities, fragments)
    assert (4 in called) == bool(bits)  # u, v, level, place


def test_dtypes_are_those_promised():
    for graph in (check(uneven((3, 1, 2, 2)), drawn("12\n34")), check(uneven((3, 1, 2, 2)), drawn("11\n11"))):
        assert [a.dtype for a in (graph.u, graph.v, graph.mean, graph.quantiles, graph.area, graph.contact)] == [
            *(np.uint32, np.uint32, np.float32, np.float32, np.int64, np.int32)
        ]
        assert graph.quantiles.shape == (len(graph), len(QUANTILES))
        assert graph.contact.shape == (len(graph), 3)


@pytest.mark.parametrize("fragments", ["1", "111\n111", "...\n...", "1.2\n1.2", "1..\n\n.2."])
def test_without_contacts_there_are_no_edges(fragments):
    fragments = drawn(fragments)
    assert len(check(uneven((3, *fragments.shape)), fragments)) == 0


def test_ids_are_refused_from_where_they_do_not_fit():
    fragments = np.array([[[1, 2**28 - 1]]], np.uint32)
    graph = drive(build_region_graph(np.full((3, 1, 1, 2), 51, np.uint8), fragments))
    assert (graph.u, graph.v) == ([1], [2**28 - 1])
    assert graph.mean == pytest.approx([0.2])
    sentence = "region graph: at most 268,435,455 fragments are possible, got 268,435,456; choose a smaller region."
    with pytest.raises(UserError, match=f"^{sentence}$"):
        drive(build_region_graph(np.zeros((3, 1, 1, 2), np.uint8), fragments + 1))


def test_progress_goes_by_sections_and_closing_stops():
    job = build_region_graph(uneven((3, 4, 5, 6)), np.ones((4, 5, 6), np.uint32))
    steps = [next(job) for _ in range(3)]
    job.close()
    assert [(s.stage, s.done, s.total) for s in steps] == [("region graph", z, 4) for z in (1, 2, 3)]


def test_affinities_are_read_by_sections():
    values, fragments = uneven((3, 5, 4, 3)), np.random.default_rng(4).integers(1, 9, (5, 4, 3)).astype(np.uint32)
    sections = []

    class Spy:
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, key):
            sections.append(key)
            return values[key]

    found, expected = drive(build_region_graph(Spy(), fragments)), check(values, fragments)
    np.testing.assert_array_equal(found.quantiles, expected.quantiles)
    assert sorted(sections, key=str) == [(slice(None), z) for z in range(5)]


def test_faces_are_kept_no_longer_than_their_edge_can_grow(monkeypatch):
    """Fragments of one section each: nothing is carried from section to section."""
    carried, merged = [], module._merged

    def noting(open_faces, faces):
        carried.append(len(open_faces.key))
        return merged(open_faces, faces)

    monkeypatch.setattr(module, "_merged", noting)
    flat = np.arange(1, 5 * 6 * 2 + 1, dtype=np.uint32).reshape(5, 2, 6).repeat(2, 1)
    check(uneven((3, *flat.shape)), flat)
    assert carried == [0] * 5
    carried.clear()
    deep = drawn("1122\n\n1122\n\n3322\n\n1133")  # 1 and 2 touch again after a section without 1
    check(uneven((3, *deep.shape)), deep)
    assert carried[0] == 0
    assert max(carried) > 0


# ---- sections that are left out, shifted or not whole ----------------------------------------------------------------


def planned_faces(affinities, fragments, plan):
    """(u, v) -> [(level, voxel)], where a voxel lies after its partner."""
    holes, faces = holes_of(plan), defaultdict(list)
    for voxel in np.ndindex(fragments.shape):
        for axis in range(3):
            before = tuple(p - (a == axis) for a, p in enumerate(voxel))
            before = partner_of(plan, holes, voxel) if axis == 0 else before if before[axis] >= 0 else None
            pair = sorted([int(fragments[voxel]), int(fragments[before])]) if before else [0, 0]
            if 0 < pair[0] < pair[1]:
                faces[tuple(pair)].append((int(affinities[(axis, *voxel)]), voxel))
    return faces


PLANNED = (8, 6, 7)


def planned_volume(seed, ids=60):
    plan = any_plan(PLANNED, seed)
    fragments = np.random.default_rng(seed).integers(1, ids, PLANNED).astype(np.uint32) * usable_of(plan)
    return plan, uneven((3, *PLANNED), seed=seed), fragments.astype(np.uint32)


@pytest.mark.parametrize("ids", [4, 60])
@pytest.mark.parametrize("seed", range(12))
def test_contacts_cross_gaps_and_follow_shifts(seed, ids):
    plan, affinities, fragments = planned_volume(seed, ids)
    graph = drive(build_region_graph(affinities, fragments, planned=PlannedBox(plan, Box.whole(PLANNED))))
    faces = planned_faces(affinities, fragments, plan)
    assert list(zip(graph.u.tolist(), graph.v.tolist(), strict=True)) == sorted(faces)
    for edge, pair in enumerate(sorted(faces)):
        levels = [level for level, _ in faces[pair]]
        assert graph.area[edge] == len(levels)
        assert graph.mean[edge] == pytest.approx(sum(levels) / len(levels) / 255, abs=1e-6)
        assert (smallest_not_exceeded_by(50, levels), tuple(graph.contact[edge].tolist())) in faces[pair]


@pytest.mark.parametrize("size", [(8, 6, 7), (1, 6, 7), (3, 2, 3)])
@pytest.mark.parametrize("seed", range(6))
def test_blocks_that_see_as_far_as_partners_count_each_face_once(seed, size):
    plan, affinities, fragments = planned_volume(seed)
    blocks, (y, x) = Blocks(PLANNED, size), plan.largest_shift
    for number in range(len(blocks)):  # fragments of blocks, as the joined graphs must not share an edge
        part = fragments[blocks.box(number).slices]
        part[part > 0] += np.uint32(100 * number)
    graphs = []
    for number in range(len(blocks)):
        box = blocks.box(number)
        seen = box.grown((MOST_BRIDGED + 1, max(1, y), max(1, x))).clipped(PLANNED)
        seen = Box(seen.start, (box.stop[0], *seen.stop[1:]))
        part, planned = fragments[seen.slices], PlannedBox(plan, seen)
        graph = drive(build_region_graph(affinities[(slice(None), *seen.slices)], part, box.within(seen), planned))
        graphs.append(replace(graph, contact=graph.contact + np.array(seen.start, np.int32)))
    whole = drive(build_region_graph(affinities, fragments, planned=PlannedBox(plan, Box.whole(PLANNED))))
    joined = joined_graphs(graphs)
    for name in ("u", "v", "mean", "quantiles", "area", "contact"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
