"""Main memory that a run by blocks takes: a task at its peak, and the program that puts the session together."""

from math import prod

from napari_emcad.blocks.steps import AROUND, GROUP
from napari_emcad.core.agglomeration import SMOOTHED
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Shape
from napari_emcad.core.parameters import ResolvedSegmentParameters
from napari_emcad.core.sections.look import READ_BYTES
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import memory_needed

PROGRAM_BYTES = 600_000_000
"""Main memory that a program with torch and these libraries takes before it has any data; measured: 0.45 GB."""

BLOCK_BYTES = 32
"""Peak of a block's fragments and region graph a voxel; measured on AC4: 27 to 29, seeds smoothed or not.

A block that bridges sections sees up to four more: measured on drawn fragments, 6 % more.
"""

SECTIONS_READ = 3
"""Whole sections in memory while sections are looked at: as decoded, as read, and what is measured of it.

Measured are 0.2 bytes a pixel beyond the section itself, and 1.2 of floating-point numbers.
"""

CONTACT_BYTES = 10
"""Peak of a group's agglomeration a voxel, with seeds smoothed by a pixel and more.

Measured on AC4: 6 with seeds smoothed by 2 pixels, 8 by one.
"""

CONTACT_BYTES_OF_MANY = 30
"""Peak of a group's agglomeration a voxel, with other seeds: contacts are many, and waterz keeps 1 KB for each.

Measured on AC4: 24 with seeds that are not smoothed.
"""

END_BYTES = 1.5
"""Peak of the graph and tree of the whole a voxel, with seeds smoothed by a pixel and more."""

END_BYTES_OF_MANY = 4
"""Peak of the graph and tree of the whole a voxel, with other seeds."""


def memory_of_task(
    blocks: Blocks,
    section: tuple[int, int],
    card: ModelCard,
    parameters: ResolvedSegmentParameters,
    group: Shape = GROUP,
) -> int:
    """Return the bytes that one program needs at its peak, for a task on a block or a group of blocks.

    Parameters
    ----------
    blocks : Blocks
    section : (y, x)
        Size of the sections of the stack.
    card : ModelCard
    parameters : ResolvedSegmentParameters
    group : (z, y, x)
        Voxels, at least, whose contacts are agglomerated at once.
    """
    block = blocks.box(0)
    sigma, scale = parameters.seed_sigma, parameters.scale
    network = memory_needed(block, section, card=card, seed_sigma=sigma, scale=scale)
    seen = blocks.grouped(group).box(0).grown(AROUND).clipped(blocks.shape)
    contacts = CONTACT_BYTES if sigma * parameters.pixel >= SMOOTHED else CONTACT_BYTES_OF_MANY
    return PROGRAM_BYTES + max(network, BLOCK_BYTES * prod(block.shape), contacts * prod(seen.shape))


def memory_of_slab(section_bytes: int) -> int:
    """Return the bytes that one program needs to look at sections of so many bytes, of which few are read at once."""
    return PROGRAM_BYTES + SECTIONS_READ * max(section_bytes, READ_BYTES)


def memory_at_the_end(shape: Shape, parameters: ResolvedSegmentParameters) -> int:
    """Return the bytes for the region graph and merge tree of the whole, which are put together in one program."""
    of_voxel = END_BYTES if parameters.seed_sigma * parameters.pixel >= SMOOTHED else END_BYTES_OF_MANY
    return PROGRAM_BYTES + round(of_voxel * prod(shape))
