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
from napari_emcad.io.atomic import write_beside
from napari_emcad.widgets.choices.stack import SAMPLES
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.evaluate.evaluation import scores_text

WINDOW = (1500, 950)
"""Width and height of the window in pixels."""

GLANCE = 0.02
"""Seconds between two looks at the window while waiting for a job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Return the exit code: 1, with one sentence, if it failed."""
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
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="folder for the results (default: demo)")
    parser.add_argument("--size", choices=list(SAMPLES), default="medium", help="size of the sample (default: medium)")
    parser.add_argument("--model", type=Path, help="a checkpoint instead of the bundled model")
    return parser


def _show(viewer: napari.Viewer, options: argparse.Namespace) -> None:
    """Go through the dock as a person would."""
    viewer.window._qt_window.resize(*WINDOW)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    dock.opener.open_sample(options.size)
    finish(dock)
    if options.model is not None:
        dock.desk.model.open_file(options.model)
    start = time.monotonic()
    dock.desk.runs.run()
    finish(dock)
    seconds = time.monotonic() - start
    result = dock.desk.results.current
    if result is None:
        raise UserError(dock.desk.message.text)
    if options.no_window:
        _make_folder(options.folder)
        _export(dock, options.folder)
        pause(0.5)
        viewer.screenshot(str(options.folder / "window.png"), canvas_only=False, flash=False)
        _write_report(options.folder, _report(dock, result, seconds))


def finish(dock: EMCADDock) -> None:
    """Wait for the job under way while the window lives.

    Raises
    ------
    UserError
        If the job failed, or the window was closed.
    """
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"demo: the folder {folder} cannot be made ({error.strerror}); name another one.") from error


def _export(dock: EMCADDock, folder: Path) -> None:
    dock.export.exporter.save(folder / "neurons.tif")
    finish(dock)


def _write_report(folder: Path, report: str) -> None:
    """Write the report, and say what has been written."""
    with write_beside(folder / "report.txt", lambda _: len(report)) as part:
        part.write_text(report, "utf-8")
    names = ("neurons.tif", "window.png", "report.txt")
    print(report, *(folder.resolve() / name for name in names), sep="\n")  # noqa: T201 - a program of its own


def pause(seconds: float) -> None:
    """Let the window be drawn."""
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


def _report(dock: EMCADDock, result: Result, seconds: float) -> str:
    """Return what was segmented by what, in which time, and how good it is, one fact a line."""
    desk, voxels = dock.desk, int(np.prod(result.box.shape, dtype=np.int64))
    model, device = desk.model.path, desk.device.auto
    lines = [
        f"stack    {shape_text(result.box.shape)} voxels",
        f"model    {model.name if model else 'none'}",
        f"device   {device.name if device else 'not known'}",
        f"neurons  {desk.threshold.read_out}",
        f"time     {duration_text(seconds)}, {voxels / seconds:,.0f} voxels a second",
        f"memory   {_peak()}",
    ]
    scores = _scores(dock, result)
    return "\n".join([*(scores_text(scores).split("\n") if scores else []), *lines]) + "\n"


def _scores(dock: EMCADDock, result: Result) -> Scores | None:
    """Compare neurons with the sample's truth; None if there is no truth."""
    truths = [layer for layer in dock.desk.viewer.layers if layer.name == "ground truth"]
    return score(result.view, truths[0].data) if truths else None


def _peak() -> str:
    """Return the peaks of main memory, of napari and of the largest process beside it, if the system knows them."""
    try:
        import resource
    except ImportError:  # Windows
        return "peak not known on this system"
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = (resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return "{} at napari's peak, {} at that of prediction and agglomeration beside it".format(*map(size_text, peaks))


if __name__ == "__main__":
    sys.exit(main())
