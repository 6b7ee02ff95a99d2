import pytest

from napari_emcad.inference.engines import probe
from napari_emcad.inference.engines.probe import GAIN, best_of_three, gains


@pytest.fixture
def measured(cache, monkeypatch):
    """(gain) -> what `gains` says of a way of this gain, and all that was measured so far."""
    monkeypatch.setattr(probe, "_machine", lambda: "mine")
    calls = []

    def measured(gain, way="bf16"):
        return gains(way, lambda: calls.append(gain) or gain), calls

    return measured


@pytest.mark.parametrize(("gain", "taken"), [(0.9, False), (GAIN - 0.01, False), (GAIN, True), (2.0, True)])
def test_a_way_is_taken_where_it_gains(measured, gain, taken):
    assert measured(gain) == (taken, [gain])


def test_a_way_is_measured_once_on_a_machine(measured, monkeypatch):
    assert measured(2.0) == (True, [2.0])
    assert measured(1.0) == (True, [2.0])  # remembered
    monkeypatch.setattr(probe, "_machine", lambda: "mine, with another torch")
    assert measured(1.0) == (False, [2.0, 1.0])
    monkeypatch.setattr(probe, "_machine", lambda: "mine")
    assert measured(1.0) == (True, [2.0, 1.0])


def test_ways_are_remembered_apart(measured):
    assert measured(2.0, "OpenVINO") == (True, [2.0])
    assert measured(1.0, "bf16") == (False, [2.0, 1.0])
    assert measured(1.0, "OpenVINO") == (True, [2.0, 1.0])
    assert measured(2.0, "bf16") == (False, [2.0, 1.0])


@pytest.mark.parametrize("content", ["", "[1]", '{"mine"'])
def test_a_damaged_memory_is_measured_anew(measured, cache, content):
    cache.mkdir()
    (cache / "gains.json").write_text(content)
    assert measured(2.0) == (True, [2.0])


def test_without_room_it_is_measured_each_time(measured, cache):
    cache.write_text("no folder")
    assert measured(2.0) == (True, [2.0])
    assert measured(2.0) == (True, [2.0, 2.0])


def test_a_machine_is_told_by_its_libraries():
    assert "torch" in probe._machine()


def test_an_act_is_timed_three_times_after_one_to_warm_up():
    acts = []
    assert best_of_three(lambda: acts.append(1)) >= 0
    assert len(acts) == 4
