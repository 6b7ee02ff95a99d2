"""A session whose fragments stay in their files, and how much of these has been read."""

from pathlib import Path

import numpy as np
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session

SHAPE, CELL, LENGTH = (64, 256, 256), 32, 4
DEEP = 40
"""A section far into the volume."""

SECTION_BYTES = SHAPE[1] * SHAPE[2] * 4
WHOLE_BYTES = SHAPE[0] * SECTION_BYTES
SIZE = VoxelSize(30, 6, 6)


def write_session(folder: Path, name: str = "large.emcad", shift: int = 0) -> Path:
    """Neurons of CELL x CELL pixels and LENGTH sections, a fragment in each, with a noisy stack and its affinities.

    In another session of the same stack, fragments may begin `shift` pixels earlier on x.
    """
    z, y, x = np.indices(SHAPE, sparse=True)
    across = SHAPE[2] // CELL
    fragments = z * across**2 + y // CELL * across + np.minimum((x + shift) // CELL, across - 1) + 1
    affinities = np.full((3, *SHAPE), 250, np.uint8)
    affinities[0, ::LENGTH], affinities[1, :, ::CELL], affinities[2, :, :, (-shift) % CELL :: CELL] = 30, 30, 30
    affinities[0, : 3 * LENGTH, :CELL, :CELL] = 250  # one is larger, so that joining two others is nothing special
    fragments = np.ascontiguousarray(fragments, np.uint32)
    graph, sizes = drive(build_region_graph(affinities, fragments)), fragment_sizes(fragments)
    stack = folder / "stack.tif"
    if not stack.exists():
        noise = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
        tifffile.imwrite(stack, noise, photometric="minisblack")
    facts = SessionFacts(source=str(stack), voxel_size_nm=SIZE, threshold=0.5)
    base = Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)
    create_session(folder / name, base, affinities, facts).close()
    return folder / name


def bytes_read(fragments: ChunkedLabels) -> int:
    """Bytes that have been read from the files of fragments since they were opened."""
    chunks = fragments._decoded.cache_info().misses  # by whatever way they are read
    return chunks * int(np.prod(fragments._chunks)) * fragments.dtype.itemsize


def neuron_at(opened, voxel: tuple[int, int, int]) -> int:
    state = opened.session.state
    return int(state.table[state.base.fragments[voxel]])
