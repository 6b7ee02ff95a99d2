"""The method by blocks, for stacks larger than memory: the steps of pipeline.py, each block a task of its own.

    volume -> affinities -> fragments | numbered in the volume, region graph | merges of each block | one merge tree

At a bar all blocks have to be done with what comes before it. A task needs nothing but the files of the run, may be
done anywhere, in any order and again, and what it writes is the same each time: docs/decisions/0015-blocks.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, wraps
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.agglomeration import SMOOTHED
from napari_emcad.core.block_merges import Merges, block_merges, tree_of_blocks
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.fragments import find_fragments
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import FOR_EDITS, Ids, id_dtype, memory_dtype
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph, joined_graphs
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, read_run
from napari_emcad.io.stacks.stack import Stack, open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import memory_needed, predict

AFFINITIES, FRAGMENTS, REGION_GRAPH, AGGLOMERATION = "affinities", "fragments", "region graph", "agglomeration"
NUMBERS, BOXES = "numbers", "boxes"
"""Tables beside those of the steps."""

SEEN = 32
"""Pixels round a block that its fragments are made from, too: docs/decisions/0015-blocks.md."""

GROUP = (64, 1024, 1024)
"""Voxels, at least, whose contacts are agglomerated at once."""

AROUND = (16, 256, 256)
"""Voxels round them whose contacts are agglomerated with them, so that they merge as in the whole."""

BLOCK = (16, 1024, 1024)
"""Voxels of a block where nobody asks for others. The result depends on it a little, so it follows nothing else."""

PROGRAM_BYTES = 600_000_000
"""Main memory that a program with torch and these libraries takes before it has any data; measured: 0.45 GB."""

BLOCK_BYTES = 30
"""Peak of a block's fragments and region graph a voxel; measured on AC4: 27 to 29, seeds smoothed or not."""

CONTACT_BYTES, CONTACT_BYTES_OF_MANY = 10, 30
"""Peak of a group's agglomeration a voxel, with seeds smoothed by a pixel and more, and with others, of which there are
many: waterz keeps 1 KB for each contact. Measured on AC4: 6 with seeds smoothed by 2 pixels, 8 by one, 24 by none."""

END_BYTES, END_BYTES_OF_MANY = 1.5, 4
"""Peak of the graph and tree of the whole a voxel, likewise."""

Task = Callable[[str, int], None]
"""(folder of the run, number of the block): does a step of a block."""

Step = Callable[[BlockRunFacts, BlockFiles, int], None]
"""The same, with what is in the folder."""


class Pool(Protocol):
    """What does the tasks.

    Attributes
    ----------
    dashboard : str or None
        URL of a page that shows what is going on.
    """

    dashboard: str | None

    def run(self, step: str, task: Task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        """Do a task for each of these blocks; progress by blocks."""
        ...


class InTurn:
    """Does one block after the other, in this program. See `Pool`."""

    dashboard = None

    def run(self, step: str, task: Task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        watch = Stopwatch(step, len(numbers))
        yield watch.at(0)
        for done, number in enumerate(numbers, 1):
            task(str(folder), number)
            yield watch.at(done)


def segment_by_blocks(folder: Path, run: BlockRunFacts, pool: Pool) -> Job[None]:
    """Do all that is not done yet of a run; afterwards the folder holds what `assemble` needs.

    Parameters
    ----------
    folder : Path
        Of the run, see `io.sessions.block_run_facts.begin_run`.
    run : BlockRunFacts
    pool : Pool
    """
    files = BlockFiles(folder)
    files.create(run.place.shape, run.voxel_size)
    for step, task in STEPS.items():
        if step == REGION_GRAPH:
            _number_blocks(files, run)
        left = [number for number in range(len(parts_of(run, step))) if not files.is_done(step, number)]
        yield from pool.run(step, task, folder, left)


def parts_of(run: BlockRunFacts, step: str) -> Blocks:
    """What a step goes through one after the other: the blocks, or groups of them."""
    return run.groups if step == AGGLOMERATION else run.blocks


def memory_of_task(
    blocks: Blocks, section: tuple[int, int], card: ModelCard, seed_sigma: float, group: tuple[int, int, int] = GROUP
) -> int:
    """Bytes of main memory that one program needs at its peak, for a task on a block or a group of blocks.

    Parameters
    ----------
    blocks : Blocks
    section : (y, x)
        Of the stack that their volume is a part of.
    card : ModelCard
    seed_sigma : float
        Pixels.
    group : (z, y, x)
        Voxels, at least, whose contacts are agglomerated at once.
    """
    block = blocks.box(0)
    network = memory_needed(block, section, card=card, seed_sigma=seed_sigma)
    seen = blocks.grouped(group).box(0).grown(AROUND).clipped(blocks.shape)
    contacts = CONTACT_BYTES if seed_sigma >= SMOOTHED else CONTACT_BYTES_OF_MANY
    return PROGRAM_BYTES + max(network, BLOCK_BYTES * prod(block.shape), contacts * prod(seen.shape))


def memory_at_the_end(shape: tuple[int, int, int], seed_sigma: float) -> int:
    """Bytes of main memory for the region graph and merge tree of the whole, which are put together in one program."""
    of_voxel = END_BYTES if seed_sigma >= SMOOTHED else END_BYTES_OF_MANY
    return PROGRAM_BYTES + round(of_voxel * prod(shape))


def _task(do: Step) -> Task:
    """What cannot be read or written becomes one sentence."""

    @wraps(do)
    def told(folder: str, number: int) -> None:
        files = BlockFiles(Path(folder))
        with files.explain_errors():
            do(read_run(files.folder), files, number)

    return told


@_task
def predict_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Volume -> affinities. What lies around a block is seen, so that they are those of the whole."""
    from napari_emcad.inference.choice import choose_device

    source = _loaded(run.source, run.dataset, run.fingerprint, run.model, run.model_sha256)
    box = run.blocks.box(number)
    out, place = _Part(files.affinities, box), box.moved(run.place.start)
    parameters = SegmentParameters(**run.parameters)
    device = replace(choose_device(parameters.device), precision=run.precision)
    drive(predict(source.volume.array, source.network, out, place, parameters, device, _tile(run, source.network)))
    files.save_table(AFFINITIES, number)


@_task
def fragment_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Affinities -> fragments, 1..n in the block; a watershed needs to see a little of what lies around."""
    box = run.blocks.box(number)
    seen = box.grown((0, SEEN, SEEN)).clipped(run.place.shape)
    affinities = files.affinities[(slice(None), *seen.slices)]
    core = None if seen == box else box.within(seen).slices[1:]
    fragments = drive(find_fragments(affinities, run.parameters["seed_sigma"], core))
    files.local[box.slices] = fragments
    files.save_table(FRAGMENTS, number, sizes=np.bincount(fragments.ravel()))


@_task
def connect_block(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """Number the fragments in the volume, and find the contacts inside the block and with the voxels before it."""
    box = run.blocks.box(number)
    margin = tuple(int(a > 0) for a in box.start)
    seen = Box(tuple(a - m for a, m in zip(box.start, margin, strict=True)), box.stop)
    fragments, ids = _numbered(files, run.blocks, seen)
    affinities = files.affinities[(slice(None), *seen.slices)]
    graph = drive(build_region_graph(affinities, fragments, margin))
    contact = graph.contact + np.array(seen.start, np.int32)
    graph = replace(graph, u=ids[graph.u], v=ids[graph.v], contact=contact)
    own = fragments[box.within(seen).slices]
    boxes = drive(find_fragment_boxes(own - (own.min() - 1)))
    files.fragments[box.slices] = ids[own]
    files.save_table(BOXES, number, start=boxes.start[1:] + box.start, stop=boxes.stop[1:] + box.start)
    files.save_table(REGION_GRAPH, number, **asdict(graph))


@_task
def agglomerate_group(run: BlockRunFacts, files: BlockFiles, number: int) -> None:
    """The merges over a group's own contacts, as they are when its surroundings are agglomerated with it."""
    inside = run.groups.box(number)
    seen = inside.grown(AROUND).clipped(run.place.shape)
    own = run.blocks.touching(inside)
    own_graph = joined_graphs([_graph(files, k) for k in own])
    around = (_graph(files, k) for k in run.blocks.touching(seen) if k not in own)
    merges = block_merges(own_graph, around, seen, run.parameters["agglomeration"], run.parameters["scoring"])
    files.save_table(AGGLOMERATION, number, **merges._asdict())


STEPS: dict[str, Task] = {
    AFFINITIES: predict_block,
    FRAGMENTS: fragment_block,
    REGION_GRAPH: connect_block,
    AGGLOMERATION: agglomerate_group,
}
"""The tasks of a block, and of a group of them, in their order."""


def boxes_of_blocks(folder: Path, run: BlockRunFacts) -> FragmentBoxes:
    """Where the fragments of all blocks lie."""
    files, none = BlockFiles(folder), FragmentBoxes.none(0)
    tables = [files.load_table(BOXES, number) for number in range(len(run.blocks))]
    start, stop = (np.concatenate([getattr(none, end), *(t[end] for t in tables)]) for end in ("start", "stop"))
    return FragmentBoxes(start.astype(np.int32), stop.astype(np.int32))


def assemble(folder: Path, run: BlockRunFacts) -> Segmentation:
    """Region graph and merge tree of all blocks; the fragments stay on the disk.

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
    return Segmentation(files.fragments, graph, tree_of_blocks(merges, sizes), sizes)


class _Source(NamedTuple):
    """What the prediction of any block needs."""

    volume: Stack
    network: Any


@lru_cache(maxsize=1)
def _loaded(source: str, dataset: str | None, fingerprint: str, model: str, sha256: str) -> _Source:
    """Kept for the next block: programs may outlive a run."""
    from napari_emcad.networks.checkpoint import load_model
    from napari_emcad.networks.zoo import resolve_model

    network, card = load_model(resolve_model(model))
    if card.sha256 != sha256:
        raise UserError(f"{model}: the model is not the one that the run was begun with; put that one there again.")
    volume = open_stack(source, dataset)
    if volume.fingerprint != fingerprint:
        raise UserError(f"{source}: the stack has changed since the run was begun; choose a new name for the session.")
    return _Source(volume, network)


class _Part:
    """Takes the sections (3, y, x) of a block for an array of the volume, (3, z, y, x)."""

    def __init__(self, whole: Any, box: Box):
        self._whole, self._box = whole, box

    def __setitem__(self, key: tuple[slice, int], section: NDArray[np.uint8]) -> None:
        first, *plane = self._box.slices
        self._whole[(key[0], first.start + key[1], *plane)] = section


def _tile(run: BlockRunFacts, network: Any) -> int | None:
    """Of a student as large as a block, else its size would follow free memory; of a teacher the usual one."""
    from napari_emcad.networks.student import Student

    return max(run.block[1:]) if isinstance(network, Student) else None


def _number_blocks(files: BlockFiles, run: BlockRunFacts) -> None:
    """How many fragments the blocks before each have, and how large their ids get."""
    counts = [len(files.load_table(FRAGMENTS, number)["sizes"]) - 1 for number in range(len(run.blocks))]
    first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    files.save_table(NUMBERS, 0, first=first)
    files.create_fragments(id_dtype(first[-1] + FOR_EDITS), run.voxel_size)


def _numbered(files: BlockFiles, blocks: Blocks, seen: Box) -> tuple[NDArray[np.uint32], Ids]:
    """Fragments of a box, 1..n in the order of their ids in the volume, and these ids, (n + 1,), [0] = 0."""
    fragments, first = files.local[seen.slices], files.load_table(NUMBERS, 0)["first"]
    ids, count = [np.zeros(1, np.int64)], 0
    for number in blocks.touching(seen):
        part = _shared(blocks.box(number), seen).within(seen).slices
        here = np.flatnonzero(np.bincount(fragments[part].ravel()))
        place = np.zeros(here[-1] + 1, np.uint32)
        place[here] = np.arange(count + 1, count + 1 + len(here))
        fragments[part] = place[fragments[part]]
        ids.append(here + first[number])
        count += len(here)
    return fragments, np.concatenate(ids).astype(memory_dtype(files.fragments.dtype))


def _shared(one: Box, other: Box) -> Box:
    """The voxels of both."""
    start = tuple(map(max, one.start, other.start))
    return Box(start, tuple(map(min, one.stop, other.stop)))


def _graph(files: BlockFiles, number: int) -> RegionGraph:
    return RegionGraph(**files.load_table(REGION_GRAPH, number))
