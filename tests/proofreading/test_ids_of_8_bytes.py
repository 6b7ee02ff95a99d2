"""A session whose fragments have ids of 8 bytes is one like any other."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from any_edits import ANY_ORDER, EDITS, PART, THRESHOLDS, Step, hold, on_voxels, quick, some_affinities, steps, unshrunk
from graphs import widened
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.open_questions import _are_among
from napari_emcad.proofreading.review.questions import ANSWERS
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.session import Session

ALIKE = ("table", "free", "sizes", "bridges", "locked", "next_id", "threshold")


def two_bases(seed: int, folder: Path) -> tuple[Segmentation, Segmentation]:
    """With ids of 4 bytes and with ids of 8."""
    log = quick(folder, "first.db")
    base = on_voxels(some_affinities(seed), log).state.base
    log.close()
    return base, widened(base)


def session_of(base: Segmentation, seed: int, log: EditLog) -> Session:
    """On fragments of its own: those it divides are written into them."""
    return Session(replace(base, fragments=base.fragments.copy()), log, 0.5, 0, some_affinities(seed))


def two_sessions(seed: int, folder: Path) -> list[Session]:
    names = ("narrow.db", "wide.db")
    return [session_of(b, seed, quick(folder, n)) for b, n in zip(two_bases(seed, folder), names, strict=True)]


def said(step: Step, at: Session) -> str:
    """Why an edit was refused; empty where it was made."""
    try:
        step.do(at)
    except (Refused, UserError) as error:
        return str(error)
    return ""


def assert_alike(narrow: Session, wide: Session) -> None:
    for name in ALIKE:
        np.testing.assert_array_equal(getattr(wide.state, name), getattr(narrow.state, name), name)
    for name in ("u", "v", "mean", "area", "contact"):
        np.testing.assert_array_equal(getattr(wide.state.graph, name), getattr(narrow.state.graph, name))
    np.testing.assert_array_equal(wide.state.base.fragments, narrow.state.base.fragments)
    ids = wide.state.table, wide.state.graph.u, wide.state.graph.v, wide.state.base.fragments
    assert {array.dtype for array in ids} == {np.dtype(np.int64)}
    assert {members.dtype for members in wide.state._members.values()} <= {np.dtype(np.int64)}


@settings(unshrunk, max_examples=25)
@given(st.integers(0, 2**16), st.booleans(), steps(60, EDITS, THRESHOLDS, ANY_ORDER, PART))
def test_any_edits(seed, all_wide, edits):
    """Those that a log brings have 4 bytes where they fit, or all have 8."""

    def same(edits: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            if all_wide:
                patch.setattr("napari_emcad.core.ids.LARGEST_OF_4_BYTES", -1)
            narrow, wide = two_sessions(seed, Path(folder))
            for step in edits:
                assert said(step, wide) == said(step, narrow)
                assert_alike(narrow, wide)
            texts = ([effect_text(row.effect) for row in at.log.rows] for at in (narrow, wide))
            assert next(texts) == next(texts)
            for at in (narrow, wide):
                at.log.close()
            log = EditLog(Path(folder) / "wide.db", read_only=True)
            assert_alike(narrow, session_of(two_bases(seed, Path(folder))[1], seed, log))

    hold(same, edits)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_questions_with_the_same_answers(seed, tmp_path):
    narrow, wide = two_sessions(seed, tmp_path)
    queues, rng = [ReviewQueue(at) for at in (narrow, wide)], np.random.default_rng(seed)
    for _ in range(8):
        asked = [queue.next() for queue in queues]
        assert asked[0] == asked[1]
        if asked[0] is None:
            break
        answer = ANSWERS[rng.integers(len(ANSWERS))]
        for queue in queues:
            queue.answer(asked[0], answer)
        assert_alike(narrow, wide)
    for at in (narrow, wide):
        at.log.close()


def test_pairs_are_looked_up_in_either_order():
    far = 2**40
    pairs = np.array([[1, far], [far, 2], [2, 3], [far, far + 1], [1, 2]])
    others = np.array([[far, 1], [3, 2], [1, 4]])
    assert _are_among(pairs, others).tolist() == [True, False, True, False, False]
    assert _are_among(pairs, others[:0]).tolist() == [False] * 5
