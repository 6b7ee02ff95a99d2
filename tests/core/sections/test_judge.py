"""The judgement of many sections: step by step, so that it can be given up."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_emcad.core.sections import Verdict
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.measures import Grid, measure_picture
from napari_emcad.core.sections.shifts import SectionMatcher

MANY, SIDE, CLEAR = 10_000, 8, 64
"""Sections, and sides of their reduced pictures: of many small ones, and of those in which order is judged."""


def judging(measures):
    side = 8 * measures[0].picture.shape[0]
    return judge_sections((len(measures), side, side), Grid(side, side, 8), measures)


def drawn(depth, side, wrong=()):
    """Made-up measurements of sections that go on from each other, but for those that are mirrored."""
    random, measures = np.random.default_rng(0), []
    tissue = random.normal(size=(side, side))
    for z in range(depth):
        tissue = 0.9 * tissue + 0.44 * random.normal(size=tissue.shape)
        picture = (100 + 60 * gaussian_filter(tissue, 1)).astype(np.float32)
        picture = picture[:, ::-1].copy() if z in wrong else picture
        measures.append(replace(measure_picture(picture), detail=np.array([0.1, 0.2, 0.3])))
    return measures


@pytest.fixture(scope="module")
def many():
    return drawn(100, SIDE) * (MANY // 100)


@pytest.fixture
def matched(monkeypatch):
    """Counts how often two sections are laid over each other."""
    found, correlate = [], SectionMatcher._correlate
    monkeypatch.setattr(SectionMatcher, "_correlate", lambda *both: found.append(0) or correlate(*both))
    return found


def test_ten_thousand_sections_can_be_given_up_at_any_step(many, matched):
    """No step lays more than a few sections over each other, and none is done after the last one asked for."""
    job = judging(many)
    steps, before = [], 0
    for step in islice(job, MANY + MANY // 2):
        steps.append(step)
        assert len(matched) - before <= 1
        before = len(matched)
    assert {one.stage for one in steps} == {"judging sections"}
    assert {one.total for one in steps} == {MANY}
    assert 0.1 * MANY < steps[-1].done < 0.2 * MANY
    job.close()
    assert len(matched) == before > 0


def test_each_part_of_the_judgement_is_done_in_steps_and_progress_never_goes_back(matched):
    depth = 80
    longest, before, steps = 0, 0, []
    job = judging(drawn(depth, CLEAR, wrong=(20, 50)))
    while True:
        try:
            steps.append(next(job))
        except StopIteration as end:
            report = end.value
            break
        longest, before = max(longest, len(matched) - before), len(matched)
    assert {one.z for one in report.findings if one.verdict is Verdict.WRONG} == {20, 50}
    assert longest < 60  # what is usual is told from a few pairs of sections, however many there are
    assert len(steps) > 7 * depth
    done = [one.done for one in steps]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, depth)
