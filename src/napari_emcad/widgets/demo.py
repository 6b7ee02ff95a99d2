"""From a stack to neurons in one command: python -m napari_emcad.widgets.demo [--no-window] [--folder demo].

Opens the synthetic sample in napari, presses Run, and leaves the window to whoever looks; with --no-window (on a
virtual screen that the caller has started) it exports, takes a picture, writes a report, and ends.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import Scores, score
from napari_emcad.core.wording import duration_text, shape_text, size_text
from napari_emcad.widgets.choices.stack import SAMPLES
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.evaluate.evaluation import scores_text

WINDOW = (1500, 950)
"""Pixels."""

GLANCE = 0.02
"""Seconds between two looks at the window while waiting for a job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code, 1 with one sentence where it failed."""
    options = _parser().parse_args(arguments)
    viewer = None
    try:
        viewer = napari.Viewer(show=True)
        _show(viewer, options)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    finally:
        if viewer is not None and options.no_window:
            viewer.close()
    if not options.no_window:
        napari.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m napari_emcad.widgets.demo", description="From a stack to neurons.")
    parser.add_argument("--no-window", action="store_true", help="export, take a picture, report, and end")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where results go (default: demo)")
    parser.add_argument("--size", choices=list(SAMPLES), default="medium", help="of the sample (default: medium)")
    parser.add_argument("--model", type=Path, help="a checkpoint instead of the bundled model")
    return parser


def _show(viewer, options: argparse.Namespace) -> None:
    """The way through the dock, pressed by code."""
    viewer.window._qt_window.resize(*WINDOW)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    dock.open_sample(options.size)
    finish(dock)
    if options.model is not None:
        dock.desk.model.open_file(options.model)
    start = time.monotonic()
    dock.desk.runs.run()
    finish(dock)
    seconds = time.monotonic() - start
    if dock.desk.results.current is None:
        raise UserError(dock.desk.message.text)
    if options.no_window:
        _keep(viewer, dock, options.folder, seconds)


def finish(dock: EMCADDock) -> None:
    """Wait for the job under way while the window lives."""
    wait(lambda: not dock.desk.jobs.running)
    if dock.is_released:
        raise UserError("demo: the window was closed before the demo had ended.")
    if dock.desk.message.kind == "error":
        raise UserError(dock.desk.message.text)


def wait(ready: Callable[[], bool]) -> None:
    """Let the window live until something is ready."""
    while not ready():
        QApplication.processEvents()
        time.sleep(GLANCE)
    QApplication.processEvents()


def _keep(viewer, dock: EMCADDock, folder: Path, seconds: float) -> None:
    """Labels, a picture of the window, and a report."""
    _make(folder)
    dock.export.exporter.save(folder / "neurons.tif")
    finish(dock)
    pause(0.5)
    viewer.screenshot(str(folder / "window.png"), canvas_only=False, flash=False)
    report = _report(viewer, dock, seconds)
    (folder / "report.txt").write_text(report, "utf-8")
    names = ("neurons.tif", "window.png", "report.txt")
    print(report, *(folder.resolve() / name for name in names), sep="\n")  # noqa: T201 - a program of its own


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"demo: the folder {folder} cannot be made ({error.strerror}); name another one.") from error


def pause(seconds: float) -> None:
    """Let the window be drawn."""
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


def _report(viewer, dock: EMCADDock, seconds: float) -> str:
    result = dock.desk.results.current
    voxels = int(np.prod(result.box.shape, dtype=np.int64))
    lines = [
        f"stack    {shape_text(result.box.shape)} voxels",
        f"model    {dock.desk.model.path.name}",
        f"device   {dock.desk.device.auto.name}",
        f"neurons  {dock.desk.threshold.read_out}",
        f"time     {duration_text(seconds)}, {voxels / seconds:,.0f} voxels a second",
        f"memory   {_peak()}",
    ]
    scores = _scores(viewer, result)
    return "\n".join([*(scores_text(scores).split("\n") if scores else []), *lines]) + "\n"


def _scores(viewer, result) -> Scores | None:
    """Against the sample's truth."""
    truths = [layer for layer in viewer.layers if layer.name == "ground truth"]
    return score(result.view, truths[0].data) if truths else None


def _peak() -> str:
    """Peaks of main memory: of napari, and of the largest process beside it; where the system tells them."""
    try:
        import resource
    except ImportError:  # Windows
        return "peak not known on this system"
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = (resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return "{} at napari's peak, {} at that of prediction and agglomeration beside it".format(*map(size_text, peaks))


if __name__ == "__main__":
    sys.exit(main())
