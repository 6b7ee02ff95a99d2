from dataclasses import replace

import numpy as np
import pytest

from napari_emcad.core.gap_contacts import LEAST_OVERLAP, without_chance_contacts
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.swallowing import sections_and_sizes

SHAPE = (3, 10, 40)


def drawn(*sections):
    """Fragments (z, y, x) in columns: each section as (id, first column, last column + 1)."""
    fragments = np.zeros((len(sections), *SHAPE[1:]), np.uint32)
    for section, columns in zip(fragments, sections, strict=True):
        for number, first, stop in columns:
            section[:, first:stop] = number
    return fragments


def kept_pairs(fragments, plan):
    """Pairs of fragments of different sections whose contacts stay."""
    planned, affinities = PlannedBox.of(plan, Box.whole(SHAPE)), np.full((3, *SHAPE), 255, np.uint8)
    graph = drive(build_region_graph(affinities, fragments, planned=planned))
    section, _ = sections_and_sizes(fragments)
    kept = without_chance_contacts(graph, section)
    return {(u, v) for u, v in zip(kept.u.tolist(), kept.v.tolist(), strict=True) if section[u] != section[v]}


LEFT_OUT = SectionPlan.as_is(SHAPE).leaving_out(1)


def test_what_overlaps_little_across_a_gap_does_not_touch():
    """Two neurites that have moved by a quarter of their width: each still lies on its own, and on the next one."""
    fragments = drawn([(1, 0, 20), (2, 20, 40)], [], [(3, 0, 25), (4, 25, 40)])
    assert kept_pairs(fragments, LEFT_OUT) == {(1, 3), (2, 4)}


@pytest.mark.parametrize(("width", "touches"), [(10, True), (9, False)])
def test_a_quarter_of_what_both_cover_is_enough(width, touches):
    assert LEAST_OVERLAP == 0.25
    fragments = drawn([(1, 0, width), (2, width, 40)], [], [(3, 0, 40)])
    assert kept_pairs(fragments, LEFT_OUT) == ({(1, 3), (2, 3)} if touches else {(2, 3)})


def test_the_largest_contact_of_both_stays():
    """A tenth of a wide fragment goes on, beside others that are thinner still."""
    fragments = drawn([(1, 0, 40)], [], [(2, 0, 4), *((n, 2 * n - 2, 2 * n) for n in range(3, 21))])
    assert kept_pairs(fragments, LEFT_OUT) == {(1, 2)}


def test_contacts_between_neighbours_all_stay():
    fragments = drawn([(1, 0, 39), (2, 39, 40)], [(3, 0, 40)], [(4, 0, 40)])
    assert kept_pairs(fragments, SectionPlan.as_is(SHAPE)) == {(1, 3), (2, 3), (3, 4)}


def test_only_the_part_that_is_missing_counts():
    """Of a fragment that lies on all of a section, ten columns look through the hole: half of them on each fragment."""
    plan = replace(SectionPlan.as_is(SHAPE), missing=np.zeros((3, 1, 4), bool), cell=10)
    plan = plan.masking(1, np.array([[True, False, False, False]]))
    fragments = drawn([(1, 0, 5), (2, 5, 40)], [(3, 10, 40)], [(4, 0, 40)])
    assert kept_pairs(fragments, plan) == {(2, 3), (3, 4), (1, 4), (2, 4)}


def test_the_graph_of_a_stack_without_gaps_is_the_same():
    fragments = drawn([(1, 0, 20), (2, 20, 40)], [(3, 0, 40)], [(4, 0, 40)])
    graph = drive(build_region_graph(np.full((3, *SHAPE), 200, np.uint8), fragments))
    assert without_chance_contacts(graph, sections_and_sizes(fragments)[0]) is graph
