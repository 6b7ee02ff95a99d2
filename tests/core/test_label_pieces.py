import numpy as np
import pytest
from drawings import drawn, membranes, patient, uneven
from hypothesis import given
from hypothesis import strategies as st
from plans import any_plan, leaving_out, random_box, usable_of
from scipy import ndimage

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_pieces import build_segmentation, check_labels, find_label_fragments
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox

LABELS = """
    1122.
    1122.
    33.11

    1122.
    11.2.
    3...2
"""


def made_of(labels, affinities=None):
    pieces = drive(find_label_fragments(labels))
    return pieces, drive(build_segmentation(pieces, affinities))


def edges_of(graph) -> dict[tuple[int, int], tuple[int, float]]:
    return {
        (u, v): (area, round(255 * mean))
        for u, v, area, mean in zip(
            graph.u.tolist(), graph.v.tolist(), graph.area.tolist(), graph.mean.tolist(), strict=True
        )
    }


def same_partition(one, other) -> bool:
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_the_labels_are_there_at_every_threshold(threshold):
    labels = drawn(LABELS)
    before = labels.copy()
    pieces, made = made_of(labels)
    np.testing.assert_array_equal(made.labels(made.table(threshold)), labels)
    assert pieces.renumbered == 0
    assert pieces.labels.tolist() == pieces.segments.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(labels, before)


def test_fragments_are_connected_pieces_of_a_section():
    _, made = made_of(drawn(LABELS))
    expected = drawn("""
        1122.
        1122.
        33.44

        5566.
        55.6.
        7...8
    """)
    np.testing.assert_array_equal(made.fragments, expected)  # 6 and 8 touch at a corner only
    assert made.sizes.tolist() == [9, 4, 4, 2, 2, 4, 3, 1, 1]
    assert (made.graph.mean == np.float32(128 / 255)).all()


def test_the_first_piece_of_a_label_takes_its_id_and_the_others_what_is_left():
    pieces, made = made_of(drawn("55.22.55"))
    np.testing.assert_array_equal(made.fragments, drawn("11.22.33"))  # 5 is more than there are fragments
    assert (pieces.labels.tolist(), pieces.segments.tolist(), pieces.renumbered) == ([2, 5], [2, 1], 1)
    np.testing.assert_array_equal(made.labels(made.table(0.5)), drawn("11.22.11"))
    pieces, made = made_of(drawn("33.22.33"))
    np.testing.assert_array_equal(made.fragments, drawn("33.22.11"))
    np.testing.assert_array_equal(made.labels(made.table(0.5)), drawn("33.22.33"))
    assert pieces.renumbered == 0


@patient
@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([1, 7, 2**33]))
def test_against_brute_force(seed, kinds, factor):
    labels = np.random.default_rng(seed).integers(0, kinds, (3, 7, 9)).astype(np.uint64) * np.uint64(factor)
    labels[0, 0, 0] = factor
    pieces, made = made_of(labels)
    table, fragments = made.table(0.5), made.fragments
    n = len(table) - 1
    owners = [{int(v) for v in labels[fragments == f]} for f in range(1, n + 1)]
    assert all(len(owner) == 1 for owner in owners)
    expected = {int(v): 0 for v in np.unique(labels) if v}
    for section in labels:
        for value in expected:
            expected[value] += ndimage.label(section == value)[1]
    assert expected == {v: sum(owner == {v} for owner in owners) for v in expected}
    assert all(ndimage.label(s == f)[1] == 1 for s in fragments for f in np.unique(s) if f)
    assert all((fragments == f).any(axis=(1, 2)).sum() == 1 for f in range(1, n + 1))
    assert same_partition(table[fragments], labels)
    named = dict(zip(pieces.labels.tolist(), pieces.segments.tolist(), strict=True))
    assert all((table[fragments[labels == v]] == named[v]).all() for v in expected)
    assert all(named[v] == v for v in expected if v <= n)
    assert pieces.renumbered == sum(v > n for v in expected)


def test_affinities_are_used_where_there_are_any():
    labels = drawn(LABELS)
    _, made = made_of(labels, membranes(labels))
    edges = dict(zip(zip(made.graph.u.tolist(), made.graph.v.tolist(), strict=True), made.graph.mean, strict=True))
    assert edges[1, 2] == 0 and edges[1, 5] == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64, np.float32, np.float64])
def test_whole_numbers_of_any_dtype(dtype):
    labels = drawn(LABELS).astype(dtype)
    _, made = made_of(labels)
    np.testing.assert_array_equal(made.labels(made.table(0.5)), labels)


def test_masks_and_lists_of_sections():
    mask = drawn(LABELS) > 0
    _, made = made_of(list(mask))
    np.testing.assert_array_equal(made.labels(made.table(0.5)), mask)


def test_wide_ids_stay_apart():
    ids = np.array([0, 1, 2**60, 2**60 + 1, 2**63, 2**64 - 2, 2**64 - 1], np.uint64)
    labels = ids[uneven((2, 9, 8), seed=2) % len(ids)]
    pieces, made = made_of(labels)
    assert same_partition(made.labels(made.table(0.5)), labels)
    assert pieces.labels.tolist() == ids[1:].tolist()
    assert pieces.segments[0] == 1 and pieces.renumbered == 5


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.ones((4, 5), int), "a stack (z, y, x) is needed, got one section (4, 5)"),
        (np.ones((1, 2, 4, 5), int), "got 4 axes (1, 2, 4, 5)"),
        (np.ones((0, 4, 5), int), "voxels are needed, got none, shape (0, 4, 5)"),
        ([], "voxels are needed, got none"),
        (np.ones((1, 4, 5), complex), "whole numbers are needed, got dtype complex128"),
        (np.full((1, 4, 5), "a"), "whole numbers are needed, got dtype <U1"),
        (np.zeros((2, 4, 5), int), "neurons are needed, all 2 sections are background"),
        (np.array([[[1, 2]], [[3, -4]]]), "ids from 0 on are needed, got -4 in section 1; set what is no neuron to 0"),
        (np.array([[[1, 2]], [[3, -4.0]]]), "ids from 0 on are needed, got -4 in section 1"),
        (np.array([[[1.0, 2.5]]]), "whole numbers up to 2**53 are needed where their dtype is float64, got 2.5 in sec"),
        (np.array([[[1, np.nan]]]), "got nan in section 0; save them as integers"),
        (np.array([[[1, np.inf]]]), "got inf in section 0"),
        (np.array([[[1, 1e17]]], np.float32), "where their dtype is float32, got"),
        ([np.ones((2, 3), int), np.ones((3, 3), int)], "of one shape are needed, got (2, 3) and in section 1 (3, 3)"),
        ([np.ones((2, 3), int), np.ones((2, 3), complex)], "whole numbers are needed, got dtype complex128"),
    ],
)
def test_what_is_no_labelling_is_refused(labels, sentence):
    with pytest.raises(UserError) as refusal:
        drive(find_label_fragments(labels))
    assert str(refusal.value).startswith("labels: ")
    assert sentence in str(refusal.value)


def test_a_first_look_reads_no_voxel():
    class Unread:
        shape, dtype = (2, 3, 4), np.dtype("i8")

    check_labels(Unread())
    Unread.shape = (3, 4)
    with pytest.raises(UserError, match="one section"):
        check_labels(Unread())


def test_pieces_in_a_section_that_is_left_out_touch_and_nothing_more_is_known():
    labels = np.array([1, 1, 2, 2], np.uint8)[None, None].repeat(3, 0).repeat(2, 1)
    affinities = np.zeros((3, *labels.shape), np.uint8)
    affinities[0, 2], affinities[1:, ::2] = 200, 90
    plan = leaving_out(labels.shape, 1)
    pieces = drive(find_label_fragments(labels))
    made = drive(build_segmentation(pieces, affinities, PlannedBox.of(plan, Box.whole(plan.shape))))
    np.testing.assert_array_equal(made.labels(made.table(0.3)), labels)
    (a, b), (c, d), (e, f) = made.fragments[:, 0, ::3].tolist()
    edges = {tuple(sorted(pair)): value for pair, value in edges_of(made.graph).items()}
    across, within = {(a, e): (4, 200), (b, f): (4, 200)}, {(a, b): (2, 90), (e, f): (2, 90)}
    unknown = {(a, c): (4, 128), (b, d): (4, 128), (c, e): (4, 128), (d, f): (4, 128), (c, d): (2, 128)}
    assert edges == {tuple(sorted(pair)): value for pair, value in (across | within | unknown).items()}


@pytest.mark.parametrize("seed", range(8))
def test_contacts_of_labels_by_any_plan(seed):
    """What was seen has the contacts of the pipeline, and no contact of two pieces is lost or counted twice."""
    rng, shape = np.random.default_rng(seed), (6, 9, 10)
    plan, box = any_plan(shape, seed), random_box(shape, seed)
    labels = rng.integers(1, 4, box.shape).astype(np.uint8)
    affinities = rng.integers(0, 256, (3, *box.shape), np.uint8)
    pieces, planned = drive(find_label_fragments(labels)), PlannedBox.of(plan, box)
    made = drive(build_segmentation(pieces, affinities, planned))
    seen = np.where(usable_of(plan)[box.slices], made.fragments, 0).astype(np.uint32)
    expected = edges_of(drive(build_region_graph(affinities, seen, planned=planned)))
    found = edges_of(made.graph)
    assert {pair: found.get(pair) for pair in expected} == expected
    assert all(found[pair][1] == 128 for pair in found.keys() - expected.keys())
    every = drive(build_region_graph(affinities, made.fragments, planned=planned.as_if_seen()))
    assert found.keys() == expected.keys() | edges_of(every).keys()
    assert len(found) == len(made.graph)
    np.testing.assert_array_equal(made.labels(made.table(0.3)), labels)
