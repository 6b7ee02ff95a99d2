import pytest

from napari_emcad.blocks.memory import PROGRAM_BYTES, memory_at_the_end, memory_of_task
from napari_emcad.core.blocks import Blocks
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import memory_needed

CARD = ModelCard()
SECTION = (4096, 4096)


def test_a_task_needs_what_its_block_and_its_group_need():
    blocks = Blocks((64, *SECTION), (16, 1024, 1024))
    network = memory_needed(blocks.box(0), SECTION, card=CARD, seed_sigma=2.0)
    small, large = (memory_of_task(blocks, SECTION, CARD, 2.0, group) for group in ((16, 1024, 1024), (64, 4096, 4096)))
    assert PROGRAM_BYTES + network <= small < large


@pytest.mark.parametrize("smaller", [(8, 1024, 1024), (16, 512, 1024)])
def test_smaller_blocks_never_take_more(smaller):
    whole = (64, *SECTION)
    needed = [memory_of_task(Blocks(whole, block), SECTION, CARD, 2.0) for block in ((16, 1024, 1024), smaller)]
    assert needed[1] <= needed[0]


def test_many_small_fragments_take_more_memory():
    blocks = Blocks((64, *SECTION), (16, 512, 512))
    assert memory_of_task(blocks, SECTION, CARD, 0.5) > memory_of_task(blocks, SECTION, CARD, 1.0)
    smoothed, many = (memory_at_the_end((100, *SECTION), sigma) for sigma in (1.0, 0.5))
    assert smoothed < many
    assert memory_at_the_end((0, 0, 0), 1.0) == PROGRAM_BYTES
