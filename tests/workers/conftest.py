import pytest

from napari_emcad.workers import process


@pytest.fixture
def started(monkeypatch):
    """The children that are started in a test."""
    processes, start = [], process._start

    def noted(*arguments):
        processes.append(start(*arguments))
        return processes[-1]

    monkeypatch.setattr(process, "_start", noted)
    return processes
