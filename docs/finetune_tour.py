"""Fine-tuning in a real window: python docs/finetune_tour.py --data RAW --truth LABELS --model STUDENT [--minutes 2].

Segments a part of a stack with a student of other tissue, corrects three neurons, draws a box, fine-tunes, keeps,
segments again and reads the report of the edits; writes docs/images/finetune_{crops,running,after,replayed}.png and
prints the scores of all neurons before and after. Wants a screen, or a virtual one (xvfb-run).
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
import numpy as np
from screenshots import Camera, parser
from window import open_part, open_window

from napari_emcad.core.geometry import Box
from napari_emcad.core.scores import score
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.demo import finish, pause, wait
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.kit.section import Section

WINDOW = (1280, 1150)
CORRECTED = 3
LOW = 0.0
"""Threshold at which nothing is joined: what the wrong student joins is parted again, and merged by hand."""

NAME = "mine"


def main() -> None:
    options = _options()
    with TemporaryDirectory() as folder:
        os.environ["NAPARI_EMCAD_MODELS"] = str(Path(folder) / "models")
        tour(options, Path(folder))


def tour(options, folder: Path) -> None:
    """All of it; every step is checked on the way."""
    viewer, dock = open_window(options.theme, WINDOW)
    take, truth = Camera(viewer, options.images), _open_part(viewer, options, folder)
    dock.desk.model.open_file(options.model)
    wait(lambda: dock.desk.device.device is not None and dock.desk.model.card is not None)
    dock.desk.runs.run()
    finish(dock)
    _say("segmented", dock, truth)
    dock.desk.threshold.move(LOW)
    pause(1)
    _say(f"at threshold {LOW}", dock, truth)
    dock.sections["proofread"].open()
    dock.proofread.start_button.click()
    wait(lambda: dock.desk.sessions.current is not None)
    _correct(dock, truth)
    _say(f"{CORRECTED} neurons corrected", dock, truth)
    _add_a_box(viewer, dock, truth.shape)
    take("finetune_crops")
    _train(dock, options, take)
    _keep_and_segment_again(dock, take)
    _say("segmented again, edits brought", dock, truth)
    viewer.close()


def _open_part(viewer: napari.Viewer, options, folder: Path) -> np.ndarray:
    """The box of the stack as a file of its own, beside which the session will lie; its truth."""
    with open_stack(options.data) as raw, open_stack(options.truth) as labels:
        box = Box.parse(options.box, raw.array.shape)
        part, truth, size = raw.array[box.slices], np.asarray(labels.array[box.slices]), raw.voxel_size or (30, 6, 6)
    open_part(viewer, folder / "stack.tif", part, size)
    return truth


def _correct(dock: EMCADDock, truth: np.ndarray) -> None:
    """Merge the pieces of the true neurons that have the best pieces, and tick these neurons as done."""
    panel = dock.proofread
    state = panel.editor.at.session.state
    fragments = state.base.fragments
    sizes, best = np.bincount(fragments.ravel()), []
    for neuron in np.unique(truth[truth > 0]):
        inside = np.bincount(fragments[truth == neuron], minlength=len(sizes))
        pieces = np.flatnonzero(inside > 0.8 * sizes)
        best.append((inside[pieces].sum() ** 2 / (truth == neuron).sum(), pieces[np.argsort(-inside[pieces])]))
    for _, pieces in sorted(best, key=lambda one: -one[0])[:CORRECTED]:
        segments = list(dict.fromkeys(panel.editor.at.session.state.table[pieces].tolist()))
        panel.editor.at.selection.select(*segments)
        if len(segments) > 1:
            panel.body.merge_button.click()
            wait(lambda: not dock.desk.jobs.running)
        panel.body.done_button.click()
        print(f"  merged {len(segments)} pieces; {panel.body.toast.text()}")


def _add_a_box(viewer: napari.Viewer, dock: EMCADDock, shape) -> None:
    """Draw a rectangle over all but a rim, on all sections."""
    for section in dock.findChildren(Section):
        section._heading.setChecked(section is dock.sections["finetune"])
    panel = dock.finetune
    setup = panel.fine_tuning.setup
    wait(lambda: setup.sources.stack is not None)
    setup.networks.student.open_file(dock.desk.model.path)
    panel.sources.region.draw_button.click()
    y, x = (n // 16 for n in shape[1:])
    corners = ((y, x), (y, shape[2] - x), (shape[1] - y, shape[2] - x), (shape[1] - y, x))
    viewer.layers["box"].add_rectangles(np.array([(shape[0] // 2, *corner) for corner in corners]))
    setup.sources.region.sections = (0, shape[0] - 1)
    panel.sources.box_button.click()
    wait(lambda: bool(setup.crops.places))
    pause(1)


def _train(dock: EMCADDock, options, take: Camera) -> None:
    panel = dock.finetune
    panel.budget.minutes.setValue(options.minutes)
    assert not panel.fine_tuning.why_not, panel.fine_tuning.why_not
    panel.start_button.click()
    wait(lambda: len(panel.progress.record.scores) >= 4 or not panel.running)
    take("finetune_running")
    wait(lambda: not panel.running)
    panel.decision.compare_box.click()
    wait(lambda: not panel.running)
    pause(1)
    take("finetune_after")
    panel.decision.compare_box.click()
    print(f"  {panel.progress.record.before} -> {panel.progress.record.best}")


def _keep_and_segment_again(dock: EMCADDock, take: Camera) -> None:
    panel = dock.finetune
    panel.decision.name.setText(NAME)
    panel.decision.keep_button.click()
    wait(lambda: panel.decision.again_button.isVisible())
    panel.decision.again_button.click()
    wait(lambda: dock.proofread.body.replay.isVisible() and not dock.desk.jobs.running)
    for section in dock.findChildren(Section):
        section._heading.setChecked(section is dock.sections["proofread"])
    pause(1)
    take("finetune_replayed")
    print(f"  {dock.desk.message.text}")


def _say(when: str, dock: EMCADDock, truth: np.ndarray) -> None:
    labels = np.asarray(dock.desk.results.current.neuron_layer.data)
    found = score(labels, truth)
    print(f"{when}: VOI {found.voi:.3f} bits, ARAND {found.arand:.4f}", flush=True)


def _options():
    options = parser(__doc__)
    options.add_argument("--truth", type=Path, required=True)
    options.add_argument("--box", default="90:100,256:768,256:768")
    options.add_argument("--minutes", type=float, default=2.0)
    return options.parse_args()


if __name__ == "__main__":
    main()
