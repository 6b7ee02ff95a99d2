"""The demo's ends and its report, without a window."""

from types import SimpleNamespace

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.widgets import demo


def dock(desk, is_released=False):
    return SimpleNamespace(desk=desk, is_released=is_released)


def test_a_window_closed_too_early(desk, qapp):
    with pytest.raises(UserError, match="the window was closed before the demo had ended"):
        demo.finish(dock(desk, is_released=True))


def test_an_error_in_the_dock_ends_the_demo(desk, qapp):
    demo.finish(dock(desk))
    desk.message.error(UserError("volume: it is empty; choose another one."))
    with pytest.raises(UserError, match="it is empty"):
        demo.finish(dock(desk))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"demo: the folder .* cannot be made .*; name another one"):
        demo._make_folder(tmp_path / "file" / "demo")


def test_the_report(desk, drawn_result, drawn):
    desk.viewer.add_labels(drawn.fragments, name="ground truth")
    report = demo._report(dock(desk), drawn_result, 2.0)
    lines = dict(line.split(maxsplit=1) for line in report.splitlines())
    assert lines["stack"] == "3 x 48 x 64 voxels" and lines["model"] == "tiny.pt"
    assert lines["time"].endswith("4,608 voxels a second") and lines["VOI"].startswith("1.")
    assert "at napari's peak" in lines["memory"] or "not known" in lines["memory"]


def test_from_a_stack_to_neurons(tmp_path, monkeypatch, make_napari_viewer, capsys):
    monkeypatch.setattr("napari.Viewer", lambda show: make_napari_viewer(show=show))
    assert demo.main(["--no-window", "--size", "small", "--folder", str(tmp_path / "demo")]) == 0
    assert {path.name for path in (tmp_path / "demo").iterdir()} >= {"neurons.tif", "window.png", "report.txt"}
    report = (tmp_path / "demo" / "report.txt").read_text("utf-8")
    assert "neurons" in report and "VOI" in report
    assert report in capsys.readouterr().out
