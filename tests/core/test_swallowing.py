import numpy as np
import pytest

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.fragments import find_fragments
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph
from napari_emcad.core.swallowing import MANY, sections_and_sizes, without_swallowing

SIDE, CELLS = 18, 6


def cells(rows: int, columns: int, blank: int | None = None, depth: int = 4):
    """Affinities (3, z, y, x) of square cells, the same in all sections; all are 255 in a blank one."""
    inside = np.zeros((rows * SIDE, columns * SIDE), bool)
    for y in range(rows):
        for x in range(columns):
            inside[y * SIDE + 2 : (y + 1) * SIDE - 1, x * SIDE + 2 : (x + 1) * SIDE - 1] = True
    affinities = np.stack([np.stack([inside * np.uint8(230)] * depth)] * 3)
    if blank is not None:
        affinities[:, blank] = 255
        affinities[0, blank + 1] = 255
    return affinities


def segmented(affinities):
    fragments = drive(find_fragments(affinities, 1))
    graph = drive(build_region_graph(affinities, fragments))
    section, sizes = sections_and_sizes(fragments)
    kept = without_swallowing(graph, section, sizes)
    tree = agglomerate_fragments(kept, sizes)
    return fragments, graph, kept, tree.cut(0.3)[fragments]


def test_a_section_that_is_one_fragment_joins_nothing():
    _, graph, kept, labels = segmented(cells(CELLS, CELLS, blank=2))
    assert len(kept) < len(graph)
    middle = labels[:, SIDE // 2 :: SIDE, SIDE // 2 :: SIDE].reshape(4, -1)
    for z in (0, 1, 3):
        assert len(set(middle[z])) == CELLS**2, "neurons beside the blank section are joined"
    assert (middle[0] == middle[1]).all()
    assert len(set(middle[2])) == 1
    assert middle[2, 0] not in middle[[0, 1, 3]]


def test_a_clean_stack_keeps_every_contact():
    _, graph, kept, _ = segmented(cells(CELLS, CELLS))
    assert kept is graph


def test_a_cell_body_over_a_few_fragments_keeps_its_contacts():
    """A fragment over twenty others, as where a large cell is cut into more fragments in the next section."""
    _, graph, kept, _ = segmented(cells(4, 5, blank=2))
    assert MANY > 20
    assert kept is graph


@pytest.mark.parametrize("first", [True, False])
def test_slivers_count_next_to_nothing(first):
    """One fragment that lies on another one of its size, and touches forty by a pixel each."""
    fragments = np.zeros((2, 20, 60), np.uint32)
    fragments[0], fragments[1] = 1, 2
    fragments[1, 0, :40] = np.arange(3, 43)
    fragments = fragments if first else fragments[::-1].copy()
    graph = drive(build_region_graph(np.full((3, 2, 20, 60), 200, np.uint8), fragments))
    assert without_swallowing(graph, *sections_and_sizes(fragments)) is graph


def test_blocks_decide_what_the_whole_does():
    """Each plane between two sections is seen whole by the block that counts its faces."""
    affinities = cells(CELLS, CELLS, blank=2)
    fragments = drive(find_fragments(affinities, 1))
    whole = without_swallowing(drive(build_region_graph(affinities, fragments)), *sections_and_sizes(fragments))
    pairs = []
    for start in (0, 2, 3):
        stop, first = {0: 2, 2: 3, 3: 4}[start], max(0, start - 1)
        part = fragments[first:stop]
        graph = drive(build_region_graph(affinities[:, first:stop], part, Box((start - first, 0, 0), part.shape)))
        graph = without_swallowing(graph, *sections_and_sizes(part))
        pairs += zip(graph.u.tolist(), graph.v.tolist(), strict=True)
    assert sorted(pairs) == list(zip(whole.u.tolist(), whole.v.tolist(), strict=True))


def test_fragments_of_two_sections_are_not_counted_together():
    """Where a part of a section is missing, a fragment lies on some of the one before it, and on some before that."""
    under = MANY - 4  # of each section
    ids, n = np.arange(1, 2 * under + 1, dtype=np.uint32), 2 * under + 2
    section = np.repeat([0, 1, 2], [under + 1, under, 1]).astype(np.int32)
    full = np.full(len(ids), 300)
    graph = RegionGraph(
        u=ids,
        v=np.full(len(ids), n - 1, np.uint32),
        mean=np.full(len(ids), 0.9, np.float32),
        quantiles=np.full((len(ids), 5), 0.9, np.float32),
        area=full,
        contact=np.zeros((len(ids), 3), np.int32),
    )
    sizes = np.concatenate([[0], full, [300 * len(ids)]])
    assert without_swallowing(graph, section, sizes) is graph
    section[1 : under + 1] = 1
    assert len(without_swallowing(graph, section, sizes)) == 0
