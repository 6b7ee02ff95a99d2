import pytest

from napari_emcad.blocks.memory import PROGRAM_BYTES, memory_at_the_end, memory_of_slab, memory_of_task
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.parameters import ResolvedSegmentParameters
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import memory_needed

CARD = ModelCard()
SECTION = (4096, 4096)
SMOOTHED, MANY = (ResolvedSegmentParameters(threshold=0.5, black=0, white=255, seed_sigma=s) for s in (2.0, 0.5))


def test_a_task_needs_what_its_block_and_its_group_need():
    blocks = Blocks((64, *SECTION), (16, 1024, 1024))
    network = memory_needed(blocks.box(0), SECTION, card=CARD, seed_sigma=2.0)
    small, large = (
        memory_of_task(blocks, SECTION, CARD, SMOOTHED, group) for group in ((16, 1024, 1024), (64, 4096, 4096))
    )
    assert PROGRAM_BYTES + network <= small < large


@pytest.mark.parametrize("smaller", [(8, 1024, 1024), (16, 512, 1024)])
def test_smaller_blocks_never_take_more(smaller):
    whole = (64, *SECTION)
    needed = [memory_of_task(Blocks(whole, block), SECTION, CARD, SMOOTHED) for block in ((16, 1024, 1024), smaller)]
    assert needed[1] <= needed[0]


def test_many_small_fragments_take_more_memory():
    blocks = Blocks((64, *SECTION), (16, 512, 512))
    assert memory_of_task(blocks, SECTION, CARD, MANY) > memory_of_task(blocks, SECTION, CARD, SMOOTHED)
    smoothed, many = (memory_at_the_end((100, *SECTION), parameters) for parameters in (SMOOTHED, MANY))
    assert smoothed < many
    assert memory_at_the_end((0, 0, 0), SMOOTHED) == PROGRAM_BYTES


def test_a_section_is_read_whole_to_be_looked_at():
    """Of large ones that takes more than a block."""
    section = 30_000 * 30_000
    blocks = Blocks((64, 30_000, 30_000), (16, 1024, 1024))
    task = memory_of_task(blocks, (30_000, 30_000), CARD, SMOOTHED, (16, 1024, 1024))
    assert memory_of_slab(section) > task > memory_of_slab(4096 * 4096)


def test_pixels_that_are_seen_as_larger_ones_take_less_and_smooth_more():
    blocks, coarse = Blocks((64, *SECTION), (16, 1024, 1024)), SMOOTHED.model_copy(update={"scale": (2.0, 2.0)})
    assert memory_of_task(blocks, SECTION, CARD, coarse) < memory_of_task(blocks, SECTION, CARD, SMOOTHED)
    many, fewer = MANY, MANY.model_copy(update={"scale": (2.0, 2.0)})
    assert memory_at_the_end((100, *SECTION), fewer) < memory_at_the_end((100, *SECTION), many)
