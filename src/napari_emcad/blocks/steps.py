"""The method by blocks, for stacks larger than memory: the steps of pipeline.py, each block a task of its own.

    volume -> measures of sections | plan, affinities -> fragments | numbered in the volume, region graph |
    merges of each block | one merge tree

At a bar all blocks have to be done with what comes before it. A task needs nothing but the files of the run, may be
done anywhere, in any order and again, and what it writes is the same each time: docs/decisions/0015-blocks.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.blocks.bridging import Bridged, NumberedFragments, bridge_block, shared_box
from napari_emcad.blocks.pool import Pool, Task
from napari_emcad.blocks.sections import (
    SECTIONS,
    is_seen,
    judge_slabs,
    measure_slab,
    parameters_of,
    plan_of,
    seen_before,
)
from napari_emcad.blocks.swallowing import (
    decide_in_block,
    decide_together,
    is_left_open,
    keep_open,
    placed_in,
    without_swallowed,
)
from napari_emcad.core.block_merges import Merges, block_merges, tree_of_blocks
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.fragments import find_fragments
from napari_emcad.core.gap_contacts import without_chance_contacts
from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.ids import FOR_EDITS, Ids, id_dtype, memory_dtype
from napari_emcad.core.progress import Job, drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph, joined_graphs
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.swallowing import Lying, sections_and_sizes
from napari_emcad.core.volume import Key, Writable
from napari_emcad.io.sessions.block_checksums import checked_array, keep_checksums
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, read_run
from napari_emcad.io.sessions.file_names import AFFINITIES as AFFINITIES_FILE
from napari_emcad.io.sessions.file_names import FRAGMENTS as FRAGMENTS_FILE
from napari_emcad.io.sessions.file_names import LOCAL
from napari_emcad.io.stacks.stack import Stack, content_of, open_stack
from napari_emcad.io.zarr_arrays import StoredAffinities, StoredVolume, as_affinities, as_volume

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher

AFFINITIES = "affinities"
FRAGMENTS = "fragments"
REGION_GRAPH = "region graph"
AGGLOMERATION = "agglomeration"

NUMBERS = "numbers"
"""Table of how many fragments the blocks before each have."""

BOXES = "boxes"
"""Tables of the bounding boxes of fragments."""

BRIDGED = "bridged"
"""Tables of what fragments have gained where sections are bridged."""

SEEN = 32
"""Pixels, as the network sees them, round a block that its fragments are made from, too: docs/decisions/0015-blocks.md.
"""

GROUP: Shape = (64, 1024, 1024)
"""Voxels, at least, whose contacts are agglomerated at once."""

AROUND: Shape = (16, 256, 256)
"""Voxels round a group whose contacts are agglomerated with it, so that it merges as in the whole."""

Step = Callable[[BlockRunFacts, BlockFiles, int], None]
"""A step of a block, given the run and its files."""


Tell = Callable[[str], None]
"""Hears one line at a time."""


def segment_by_blocks(folder: Path, run: BlockRunFacts, pool: Pool, tell: Tell = lambda _: None) -> Job[None]:
    """Do all that is not done yet of a run; afterwards the folder holds what `assemble` needs.

    Parameters
    ----------
    folder : Path
        Folder of the run, see `io.sessions.block_run_facts.begin_run`.
    run : BlockRunFacts
    pool : Pool
    tell : callable
        Hears what was found in the sections, and what is done about it.

    Raises
    ------
    UserError
        If there is nothing to segment, or something cannot be read or written.
    """
    files = BlockFiles(folder)
    files.create(run.place.shape, run.voxel_size)
    for step, task in STEPS.items():
        if step == AFFINITIES:
            yield from _decide(files, run, tell)
        if step == REGION_GRAPH:
            _number_blocks(files, run)
        if step == AGGLOMERATION:
            decide_together(files, run)
        parts = parts_of(run, step)
        remaining = [number for number in range(len(parts)) if not files.is_done(step, number)]
        if len(parts):
            yield from pool.run(step, task, folder, remaining)


def parts_of(run: BlockRunFacts, step: str) -> Blocks:
    """Return what a step goes through one after the other: the blocks, groups of them, or slabs of sections."""
    if step == SECTIONS:
        return run.slabs
    return run.groups if step == AGGLOMERATION else run.blocks


def _task(do: Step) -> Task:
    """Make a task of a step: one that reads what it needs, and whose errors are one sentence."""

    @wraps(do)
    def task(folder: str, number: int) -> None:
        files = BlockFiles(Path(folder))
        with files.explain_errors():
            do(read_run(files.folder), files, number)

    return task


@_task
def look_at_slab(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Measure the sections of a slab."""
    stack = _load_stack(run.source, run.dataset, run.fingerprint)
    files.save_table(SECTIONS, number, **measure_slab(run, stack.array, number))


@_task
def predict_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Volume -> affinities, which are 0 and take no room where nothing is seen.

    What lies around a block is seen, so that they are those of the whole.
    """
    box, plan = run.blocks.box(number), plan_of(run, files)
    if plan is None or is_seen(plan, box.moved(run.place.start)):
        drive(_predict(run, files, box, plan))
        files.synchronise("affinities", box)
    keep_checksums(files, AFFINITIES_FILE, number, box)
    files.save_table(AFFINITIES, number)


def _predict(run: BlockRunFacts, files: BlockFiles, box: Box, plan: SectionPlan | None) -> Job[None]:
    """Predict a block of the box of a run."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import Normalisation
    from napari_emcad.inference.predict import predict_by
    from napari_emcad.inference.prediction import Prediction

    inputs = _load_inputs(run.source, run.dataset, run.fingerprint, run.model, run.model_sha256)
    parameters = parameters_of(run, files)
    prediction = Prediction(
        box.moved(run.place.start),
        Normalisation(parameters.black, parameters.white),
        replace(choose_device(parameters.device), precision=run.precision),
        _tile(run, inputs.network),
        plan,
        parameters.scale,
    )
    affinities = _BlockAffinities(files.affinities, box)
    yield from predict_by(inputs.network, inputs.stack.array, affinities, prediction)


@_task
def fragment_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Affinities -> fragments, 1..n in the block; a watershed needs to see a little of what lies around."""
    box, parameters = run.blocks.box(number), run.resolved
    margin = round(SEEN * max(1.0, parameters.pixel))
    seen = box.grown((0, margin, margin)).clipped(run.place.shape)
    affinities = _affinities(files, run)[(slice(None), *seen.slices)]
    core = None if seen == box else box.within(seen).slices[1:]
    planned = PlannedBox.of(plan_of(run, files), seen.moved(run.place.start))
    fragments = drive(find_fragments(affinities, parameters.seed_sigma, core, planned, parameters.pixel))
    files.local[box.slices] = fragments
    keep_checksums(files, LOCAL, number, box)
    files.synchronise("local", box)
    files.save_table(FRAGMENTS, number, sizes=np.bincount(fragments.ravel()))


@_task
def connect_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Number the fragments in the volume, and find the contacts inside the block and with the voxels before it."""
    box, planned = run.blocks.box(number), PlannedBox.of(plan_of(run, files), run.place)
    seen = seen_before(box, run.place.shape, planned)
    fragments, near = _number_fragments(files, run.blocks, seen)
    graph = _connect(_affinities(files, run), box, seen, planned, fragments)
    lying = Lying.of(graph, near.section, near.sizes)
    graph, left_open = decide_in_block(
        graph, lying, is_left_open(lying, near.section, planned and planned.within(seen))
    )
    graph, before = without_chance_contacts(graph, near.section), graph
    keep_open(files, number, placed_in(graph, before, left_open), near.ids, seen.start[0])
    contact = graph.contact + np.array(seen.start, np.int32)
    graph = replace(graph, u=near.ids[graph.u], v=near.ids[graph.v], contact=contact)
    own = fragments[box.within(seen).slices]
    boxes = drive(find_fragment_boxes(_numbered_alone(own)))
    files.save_table(BOXES, number, start=boxes.start[1:] + box.start, stop=boxes.stop[1:] + box.start)
    ids = near.ids[own]
    if planned and planned.plan.interpolates:
        around = NumberedFragments(
            _local(files, run.blocks), run.blocks, files.load_table(NUMBERS, 0)["first"], ids.dtype
        )
        files.save_table(BRIDGED, number, **bridge_block(ids, box, planned, around)._asdict())
    files.fragments[box.slices] = ids
    keep_checksums(files, FRAGMENTS_FILE, number, box)
    files.synchronise("fragments", box)
    files.save_table(REGION_GRAPH, number, **asdict(graph))


@_task
def agglomerate_group(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Find the merges over a group's own contacts, as they are when its surroundings are agglomerated with it."""
    inside = run.groups.box(number)
    seen = inside.grown(AROUND).clipped(run.place.shape)
    own = run.blocks.touching(inside)
    own_graph = joined_graphs([_graph(files, k) for k in own])
    around = (_graph(files, k) for k in run.blocks.touching(seen) if k not in own)
    merges = block_merges(own_graph, around, seen, run.parameters["agglomeration"], run.parameters["scoring"])
    files.save_table(AGGLOMERATION, number, **merges._asdict())


STEPS: dict[str, Task] = {
    SECTIONS: look_at_slab,
    AFFINITIES: predict_block,
    FRAGMENTS: fragment_block,
    REGION_GRAPH: connect_block,
    AGGLOMERATION: agglomerate_group,
}
"""Tasks of a slab of sections, of a block, and of a group of blocks, in their order."""

STEPS_OF_BLOCKS = tuple(step for step in STEPS if step != SECTIONS)
"""Steps that are done of each block, alone or in its group."""


def boxes_of_blocks(folder: Path, run: BlockRunFacts) -> FragmentBoxes:
    """Return the bounding boxes of the fragments of all blocks."""
    files, none = BlockFiles(folder), FragmentBoxes.none(0)
    tables = [files.load_table(BOXES, number) for number in range(len(run.blocks))]
    start, stop = (np.concatenate([getattr(none, end), *(t[end] for t in tables)]) for end in ("start", "stop"))
    boxes = FragmentBoxes(start.astype(np.int32), stop.astype(np.int32))
    for gained in _gained(files, run):
        np.minimum.at(boxes.start, gained.ids, gained.start)
        np.maximum.at(boxes.stop, gained.ids, gained.stop)
    return boxes


def assemble(folder: Path, run: BlockRunFacts) -> Segmentation:
    """Put the region graph and merge tree of all blocks together; the fragments stay on the disk.

    Returns
    -------
    Segmentation
        `fragments` is a Zarr array (z, y, x) uint32 or uint64.
    """
    files, numbers = BlockFiles(folder), range(len(run.blocks))
    merges = [Merges(**files.load_table(AGGLOMERATION, number)) for number in range(len(run.groups))]
    graph = joined_graphs([_graph(files, number) for number in numbers])
    of_blocks = [files.load_table(FRAGMENTS, number)["sizes"] for number in numbers]
    sizes = np.concatenate([[sum(found[0] for found in of_blocks)], *(found[1:] for found in of_blocks)])
    tree = tree_of_blocks(merges, sizes)
    for gained in _gained(files, run):
        np.add.at(sizes, gained.ids, gained.voxels)
        sizes[0] -= gained.voxels.sum()
    fragments = as_volume(checked_array(files, FRAGMENTS_FILE, run.blocks, REGION_GRAPH))
    return Segmentation(fragments, graph, tree, sizes)


def _gained(files: BlockFiles, run: BlockRunFacts) -> Iterator[Bridged]:
    """Yield what fragments have gained in each block that was bridged."""
    for number in range(len(run.blocks)):
        if files.is_done(BRIDGED, number):
            yield Bridged(**files.load_table(BRIDGED, number))


class _Inputs(NamedTuple):
    """The stack and the network that all blocks are predicted from and with."""

    stack: Stack
    network: "Student | Teacher"


@lru_cache(maxsize=1)
def _load_inputs(source: str, dataset: str | None, fingerprint: str, model: str, sha256: str) -> _Inputs:
    """Open the stack and load the network. Both are kept for the next block, as programs may outlive a run."""
    from napari_emcad.networks.checkpoint import load_model
    from napari_emcad.networks.zoo import resolve_model

    network, card = load_model(resolve_model(model))
    if card.sha256 != sha256:
        raise UserError(f"{model}: the model is not the one that the run was begun with; put that one there again.")
    return _Inputs(_load_stack(source, dataset, fingerprint), network)


@lru_cache(maxsize=1)
def _load_stack(source: str, dataset: str | None, fingerprint: str) -> Stack:
    """Open the stack, which is kept as `_load_inputs` says."""
    stack = open_stack(source, dataset)
    if content_of(stack.fingerprint) != content_of(fingerprint):
        raise UserError(f"{source}: the stack has changed since the run was begun; choose a new name for the session.")
    return stack


class _BlockAffinities:
    """Takes the sections (3, y, x) of a block and writes them into the affinities of the volume, (3, z, y, x)."""

    def __init__(self, whole: Writable, box: Box):
        self._whole, self._box = whole, box

    def __setitem__(self, key: Key, section: NDArray[np.uint8], /) -> None:
        if not isinstance(key, tuple) or not isinstance(key[1], int):
            raise TypeError(f"affinities are written by [:, z], got {key}")
        first, *plane = self._box.slices
        self._whole[(key[0], first.start + key[1], *plane)] = section


def _tile(run: BlockRunFacts, network: "Student | Teacher") -> int | None:
    """Return the size of a student's tiles: that of a block, as it would follow free memory otherwise; None = usual."""
    from napari_emcad.networks.student import Student

    return max(run.block[1:]) if isinstance(network, Student) else None


def _decide(files: BlockFiles, run: BlockRunFacts, tell: Tell) -> Job[None]:
    """Judge the sections, unless that is done, and tell what is done with them."""
    yield from judge_slabs(files, run)
    plan, found = plan_of(run, files), files.found_sections
    if found is not None:
        tell(found.summary)
        if found.levels not in (None, (run.parameters["black"], run.parameters["white"])):
            tell("grey levels: {:g} is black and {:g} is white, by the tissue that is used".format(*found.levels))
    if plan is not None:
        check_tissue(plan, run.place)
        tell(f"by plan: {plan.sentence}")


def _number_blocks(files: BlockFiles, run: BlockRunFacts) -> None:
    """Count the fragments of the blocks before each, and create the array that is large enough for their ids."""
    counts = [len(files.load_table(FRAGMENTS, number)["sizes"]) - 1 for number in range(len(run.blocks))]
    first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    files.save_table(NUMBERS, 0, first=first)
    files.create_fragments(id_dtype(first[-1] + FOR_EDITS), run.voxel_size)


def _affinities(files: BlockFiles, run: BlockRunFacts) -> StoredAffinities:
    """Return the affinities to read, which are checked."""
    return as_affinities(checked_array(files, AFFINITIES_FILE, run.blocks, AFFINITIES))


def _local(files: BlockFiles, blocks: Blocks) -> StoredVolume:
    """Return the fragments of each block to read, which are checked."""
    return as_volume(checked_array(files, LOCAL, blocks, FRAGMENTS))


def _connect(
    all_affinities: StoredAffinities, box: Box, seen: Box, planned: PlannedBox | None, fragments: NDArray[np.uint32]
) -> RegionGraph:
    """Return the contacts of a block with the voxels before its own; fragments and places are those in `seen`."""
    affinities = all_affinities[(slice(None), *seen.slices)]
    return drive(build_region_graph(affinities, fragments, box.within(seen), planned and planned.within(seen)))


class _Near(NamedTuple):
    """Fragments in a box that is looked at, numbered 1..n; [0] stands for none.

    Attributes
    ----------
    ids : (n + 1,) Ids
        Id in the volume of each.
    section : (n + 1,) int32
        The section of the box that it lies in.
    sizes : (n + 1,) int64
        Voxels of each, wherever they lie.
    """

    ids: Ids
    section: NDArray[np.int32]
    sizes: NDArray[np.int64]


def _number_fragments(files: BlockFiles, blocks: Blocks, seen: Box) -> tuple[NDArray[np.uint32], _Near]:
    """Read the fragments of a box, and number them 1..n in the order of their ids in the volume.

    Strategy: the fragments of a block that lie in the box get the next free numbers, by a table from the number in the
    block to that in the box. Their ids in the volume are the numbers in the block, moved by the blocks before it.

    Returns
    -------
    fragments : (z, y, x) uint32
    near : _Near
    """
    fragments, first = _local(files, blocks)[seen.slices], files.load_table(NUMBERS, 0)["first"]
    ids, sizes, count = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)], 0
    for number in blocks.touching(seen):
        part = shared_box(blocks.box(number), seen).within(seen).slices
        here = np.flatnonzero(np.bincount(fragments[part].ravel())[1:]) + 1
        place = np.zeros(here.max(initial=0) + 1, np.uint32)
        place[here] = np.arange(count + 1, count + 1 + len(here))
        fragments[part] = place[fragments[part]]
        ids.append(here + first[number])
        sizes.append(files.load_table(FRAGMENTS, number)["sizes"][here])
        count += len(here)
    section, _ = sections_and_sizes(fragments)
    dtype = memory_dtype(files.fragments.dtype)
    return fragments, _Near(np.concatenate(ids).astype(dtype), section, np.concatenate(sizes))


def _numbered_alone(own: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the fragments of a block numbered from 1 on, which are numbered on from those before it; 0 stays."""
    there = own[own > 0]
    return np.where(own, own - (there.min() - 1), 0) if len(there) else own


def _graph(files: BlockFiles, number: int) -> RegionGraph:
    return without_swallowed(files, number, RegionGraph(**files.load_table(REGION_GRAPH, number)))
