import pytest

from napari_emcad.inference.engines import probe
from napari_emcad.inference.engines.extras import has_openvino, install
from napari_emcad.inference.engines.probe import GAIN, openvino_gains


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """(gain) -> what was measured so far; on a machine of which nothing is known."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "has_openvino", lambda: True)
    monkeypatch.setattr(probe, "_machine", lambda: "mine")
    calls = []

    def measured(gain):
        monkeypatch.setattr(probe, "_openvino_gain", lambda: calls.append(gain) or gain)
        return calls

    return measured


@pytest.mark.parametrize(("gain", "taken"), [(0.9, False), (GAIN - 0.01, False), (GAIN, True), (2.0, True)])
def test_it_is_taken_where_it_gains(measured, gain, taken):
    measured(gain)
    assert openvino_gains() is taken


def test_it_is_measured_once_on_a_machine(measured, monkeypatch):
    calls = measured(2.0)
    assert [openvino_gains(), openvino_gains()] == [True, True]
    assert calls == [2.0]
    monkeypatch.setattr(probe, "_machine", lambda: "mine, with another torch")
    measured(1.0)
    assert openvino_gains() is False
    monkeypatch.setattr(probe, "_machine", lambda: "mine")
    assert openvino_gains() is True
    assert calls == [2.0, 1.0]


@pytest.mark.parametrize("content", ["", "[1]", '{"mine"'])
def test_a_damaged_memory_is_measured_anew(measured, tmp_path, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "gains.json").write_text(content)
    measured(2.0)
    assert openvino_gains()


def test_without_room_it_is_measured_each_time(measured, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    calls = measured(2.0)
    assert openvino_gains()
    assert openvino_gains()
    assert len(calls) == 2


def test_without_the_library_nothing_is_measured(measured, monkeypatch):
    calls = measured(2.0)
    monkeypatch.setattr(probe, "has_openvino", lambda: False)
    assert not openvino_gains()
    assert calls == []


@pytest.mark.skipif(not has_openvino(), reason=install("openvino"))
def test_the_measurement_itself(monkeypatch):
    monkeypatch.setattr(probe, "SIDE", 32)
    assert 0 < probe._openvino_gain() < 1000
    assert "torch" in probe._machine()


def test_ways_are_remembered_apart(measured):
    calls = measured(2.0)
    assert openvino_gains()
    assert not probe.gains("bf16", lambda: 1.0)
    assert openvino_gains()
    assert probe.gains("bf16", lambda: 2.0) is False  # remembered
    assert calls == [2.0]
