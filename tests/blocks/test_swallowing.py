"""Fragments that swallow a section which has slipped into other blocks: decided as in one piece."""

import numpy as np
import pytest

from napari_emcad.blocks.swallowing import (
    GONE,
    LYING,
    decide_in_block,
    decide_together,
    is_left_open,
    keep_open,
    placed_in,
    without_swallowed,
)
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.swallowing import MANY, Lying, sections_and_sizes, without_swallowing

SIDE, CELLS = 18, 6
WIDTH = SIDE * CELLS
SHAPE = (3, WIDTH, 2 * WIDTH)
BLOCKS = (Box((0, 0, 0), (3, WIDTH, WIDTH)), Box((0, 0, WIDTH), SHAPE))


class Tables(dict):
    """The tables of a run, which has only blocks."""

    blocks = BLOCKS

    def is_done(self, step, number):
        return (step, number) in self

    def save_table(self, step, number, **columns):
        self[step, number] = columns

    def load_table(self, step, number):
        return self[step, number]


def fragments(blank: int) -> np.ndarray:
    """Cells in all sections but one, which is one fragment in each of two blocks."""
    _, y, x = np.indices(SHAPE)
    ids = np.zeros(SHAPE, np.uint32)
    for number, box in enumerate(BLOCKS):
        for z in range(SHAPE[0]):
            cell = np.zeros(SHAPE[1:], int) if z == blank else (y[z] // SIDE) * CELLS + x[z] // SIDE % CELLS
            ids[z][box.slices[1:]] = cell[box.slices[1:]] + (2 * z + number) * CELLS**2
    _, numbered = np.unique(ids, return_inverse=True)
    return (numbered.reshape(SHAPE) + 1).astype(np.uint32)


def pairs(graph) -> set[tuple[int, int]]:
    return set(zip(graph.u.tolist(), graph.v.tolist(), strict=True))


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("shift", [0, 3 * SIDE, -3 * SIDE, 5 * SIDE])
def test_blocks_decide_together_what_the_whole_does(blank, shift):
    ids, affinities = fragments(blank), np.full((3, *SHAPE), 200, np.uint8)
    plan = SectionPlan.as_is(SHAPE).shifting(1, (0, shift), all_that_follow=True).inverting(0)
    planned = PlannedBox.of(plan, Box.whole(SHAPE))
    section, sizes = sections_and_sizes(ids)
    every = drive(build_region_graph(affinities, ids, planned=planned))
    whole = without_swallowing(every, section, sizes)
    assert len(whole) < len(every) and CELLS**2 > MANY
    tables, graphs = Tables(), []
    for number, box in enumerate(BLOCKS):
        graph = drive(build_region_graph(affinities, ids, box, planned))
        lying = Lying.of(graph, section, sizes)
        graph, left_open = decide_in_block(graph, lying, is_left_open(lying, section, planned))
        keep_open(tables, number, left_open, np.arange(len(sizes), dtype=np.uint32), 0)
        graphs.append(graph)
    assert any(step == LYING for step, _ in tables) == (shift != 0)
    decide_together(tables, tables)
    found = [without_swallowed(tables, number, graph) for number, graph in enumerate(graphs)]
    assert set().union(*map(pairs, found)) == pairs(whole)
    assert sum(map(len, found)) == len(whole)


def test_places_follow_a_graph_that_loses_edges():
    ids, affinities = fragments(0), np.full((3, *SHAPE), 200, np.uint8)
    graph, (section, sizes) = drive(build_region_graph(affinities, ids)), sections_and_sizes(ids)
    lying = Lying.of(graph, section, sizes)
    fewer = graph.chosen(np.arange(len(graph)) % 3 > 0)
    placed = placed_in(fewer, graph, lying)
    assert (placed.row[lying.row % 3 == 0] == GONE).all()
    stays = lying.row % 3 > 0
    for name in ("u", "v"):
        np.testing.assert_array_equal(getattr(fewer, name)[placed.row[stays]], getattr(graph, name)[lying.row[stays]])
    assert (placed_in(fewer, graph, placed._replace(row=np.full_like(placed.row, GONE))).row == GONE).all()


def test_a_block_alone_would_have_kept_what_the_whole_drops():
    """Half of the cells that lie on a fragment are counted by the block beside it: too few in either."""
    ids, affinities = fragments(0), np.full((3, *SHAPE), 200, np.uint8)
    plan = SectionPlan.as_is(SHAPE).shifting(1, (0, 3 * SIDE), all_that_follow=True)
    planned, (section, sizes) = PlannedBox(plan, Box.whole(SHAPE)), sections_and_sizes(ids)
    whole = without_swallowing(drive(build_region_graph(affinities, ids, planned=planned)), section, sizes)
    alone = [
        without_swallowing(drive(build_region_graph(affinities, ids, box, planned)), section, sizes) for box in BLOCKS
    ]
    assert sum(map(len, alone)) > len(whole)
