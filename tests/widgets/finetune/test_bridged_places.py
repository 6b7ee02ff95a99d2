"""Places to learn from where the stack on screen has a section that is left out, without a window."""

import bridged
import numpy as np
import pytest
from bridged import GAP, GREY, HOLE, LARGE
from finetuning_hands import FineTuningHand

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.finetune.request import UnreadCrop

BEFORE, AFTER = Box((0, 0, 0), (GAP, *LARGE[1:])), Box((GAP + 1, 0, 0), LARGE)


@pytest.fixture
def at_work(desk, loop, model, way, tmp_path):
    desk.sessions.show(open_session(bridged.write_session(tmp_path)))
    desk.stack.layer = desk.sessions.current.result.source
    hand = FineTuningHand(desk, loop, model)
    yield hand
    hand.close()


def test_places_end_at_the_gap(at_work):
    places = at_work.sources.stack_places()
    assert [(place.name, place.box) for place in places] == [
        ("whole stack, part 1", BEFORE),
        ("whole stack, part 2", AFTER),
    ]
    assert at_work.sources.uncorrected_place().box == BEFORE
    at = at_work.desk.sessions.current
    at.edit(lambda: at.session.merge_all(2, [4, 6, 8]))
    at.edit(lambda: at.session.lock(2))
    assert [place.box.start[0] for place in at_work.sources.done_places()] == [0, GAP + 1]
    at_work.draw(Box((1, 0, 0), (4, 40, 40)))
    with pytest.raises(UserError, match="2 sections in a row that are not left out are needed"):
        at_work.sources.box_places()


def test_what_was_not_seen_is_not_known_where_all_is_checked(at_work):
    _, place = at_work.sources.stack_places()
    assert not place.truth.known_in(AFTER, all_checked=True)[HOLE - GAP - 1, :16, :16].any()
    assert place.truth.share_in(AFTER, all_checked=True) == 1 - 16 * 16 / (2 * 48 * 192)


def test_inverted_sections_are_read_as_the_network_sees_them(at_work):
    place, _ = at_work.sources.stack_places()
    crop = UnreadCrop.of(place.planned())
    levels = SegmentParameters(black=0, white=255)
    np.testing.assert_array_equal(np.stack([*crop.sections(levels)]), np.stack([255 - GREY[0], GREY[1]]))
