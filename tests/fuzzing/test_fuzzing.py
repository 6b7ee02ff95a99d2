"""Damaged inputs of all kinds, with a fixed seed: voxels, or one sentence. `benchmarks/fuzz.py` runs many more."""

import sys
from functools import partial
from itertools import product

import pytest
from fuzzing.kinds import KINDS, Kind
from fuzzing.planted import accept, eat, fail, read_bytes, refuse, serve_badly, write_beside, write_bytes
from fuzzing.pool import run_trials
from fuzzing.trials import FAULTS, Outcome, Trial, Whole, run_trial

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
TRIALS = 8
"""Trials of each kind."""


@pytest.fixture(scope="module")
def results():
    """What came of all trials, by kind."""
    trials = [Trial(kind, 1, number) for number, kind in product(range(TRIALS), KINDS)]
    found = {kind: [] for kind in KINDS}
    for result in run_trials(trials):
        found[result.trial.kind].append(result)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told(results, kind):
    assert len(results[kind]) == TRIALS
    assert not [result for result in results[kind] if result.outcome in FAULTS]


def test_a_trial_is_the_same_each_time(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    one, other = (run_trial(Trial("npy", 0, 3), tmp_path / name) for name in "ab")
    assert one.damage == other.damage
    assert (tmp_path / "a/input/a.npy").read_bytes() == (tmp_path / "b/input/a.npy").read_bytes()


@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        (fail, Outcome.TRACEBACK),
        (refuse, Outcome.TRACEBACK),
        (write_beside, Outcome.OUTSIDE),
        (eat, Outcome.MEMORY),
        (accept, Outcome.SILENT),
    ],
)
def test_faults_are_found(tmp_path, monkeypatch, then, outcome):
    monkeypatch.setitem(KINDS, "planted", Kind(write_bytes, partial(read_bytes, then=then), is_exact=True))
    Whole.of.cache_clear()
    if then is eat:
        monkeypatch.setattr("fuzzing.trials.MOST_BYTES", 2**30)
    found = set()
    for number in range(20):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        found.add(run_trial(Trial("planted", 0, number), scratch).outcome)
        if outcome in found:
            return
    raise AssertionError(found)


def test_hangs_and_deaths_are_found(monkeypatch):
    monkeypatch.setattr("fuzzing.pool._START", 0.5)
    trials = [Trial("any", 0, number) for number in range(6)]
    found = {result.trial.number: result.outcome for result in run_trials(trials, 2, 0.5, serve_badly)}
    assert found == {0: Outcome.HANG, 1: Outcome.DEATH} | dict.fromkeys(range(2, 6), Outcome.SAME)
