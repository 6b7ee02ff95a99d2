"""Sections that would swallow the rest, in a run by blocks: what a block cannot decide alone is decided at a bar.

A fragment lies in one block on y and x, and so do all that lie on it, unless their section has slipped: then some lie
in other blocks, whose tasks count their contacts. What is counted adds up, so each block keeps its part.
"""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.swallowing import Lying, without_rows
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts

LYING = "lying"
"""Tables of contacts of which other blocks know more."""

SWALLOWED = "swallowed"
"""Tables of edges of a block, by their places, that were found to join too much once all blocks were known."""

GONE = -1
"""The place of an edge that its block has dropped by itself."""


def decide_in_block(graph: RegionGraph, lying: Lying, is_open: NDArray[np.bool_]) -> tuple[RegionGraph, Lying]:
    """Drop what a block sees whole and that swallows, and return with the graph the contacts that are left open."""
    whole, left_open = lying.chosen(~is_open), lying.chosen(is_open)
    dropped = np.unique(whole.row[whole.swallows])
    place = np.arange(len(graph)) - np.searchsorted(dropped, np.arange(len(graph)))
    place[dropped] = GONE
    return without_rows(graph, dropped), left_open._replace(row=place[left_open.row])


def is_left_open(lying: Lying, section_of: NDArray[np.int32], planned: PlannedBox | None) -> NDArray[np.bool_]:
    """Return which contacts other blocks may add to: of a fragment on which a section lies that was moved against it.

    Parameters
    ----------
    lying : Lying
    section_of : (n + 1,) int32
        The section of each fragment, counted as in `lying`.
    planned : PlannedBox or None
        Of the box whose sections these are.
    """
    if planned is None:
        return np.zeros(len(lying.row), bool)
    offset, first = planned.plan.offset, planned.box.start[0]
    moved = offset[section_of[lying.one] + first] != offset[lying.section + first]
    return lying.is_earlier & moved.any(axis=1)


def placed_in(graph: RegionGraph, before: RegionGraph, left_open: Lying) -> Lying:
    """Return contacts of a graph as those of one that has fewer of its edges."""
    known, wanted = graph.pairs, before.pairs
    place = np.searchsorted(known, wanted)
    place[~np.isin(wanted, known)] = GONE
    return left_open._replace(row=np.append(place, GONE)[left_open.row])


def keep_open(files: BlockFiles, number: int, left_open: Lying, ids: Ids, first: int) -> None:
    """Write what a block leaves open; `ids` are those of the fragments in the volume, `first` is section 0."""
    if len(left_open.row):
        placed = left_open._replace(one=ids[left_open.one], section=left_open.section + np.int32(first))
        files.save_table(LYING, number, **placed._asdict())


def decide_together(files: BlockFiles, run: BlockRunFacts) -> None:
    """Decide what the blocks have left open, and write which of their edges are dropped."""
    numbers = [number for number in range(len(run.blocks)) if files.is_done(LYING, number)]
    if not numbers:
        return
    tables = [Lying(**files.load_table(LYING, number)) for number in numbers]
    swallows = Lying(*(np.concatenate(columns) for columns in zip(*tables, strict=True))).swallows
    ends = np.cumsum([len(table.row) for table in tables])[:-1]
    for number, table, found in zip(numbers, tables, np.split(swallows, ends), strict=True):
        rows = np.unique(table.row[found])
        files.save_table(SWALLOWED, number, row=rows[rows != GONE])


def without_swallowed(files: BlockFiles, number: int, graph: RegionGraph) -> RegionGraph:
    """Return the graph of a block without what was decided at the bar."""
    if not files.is_done(SWALLOWED, number):
        return graph
    return without_rows(graph, files.load_table(SWALLOWED, number)["row"])
