"""Proofreading across a section that is left out, in a real window: python docs/bridged_tour.py [--data STACK].

Blanks a section of a stack and slips those after it, clicks a neuron in it, runs the student, and then in the section
that is bridged: splits, divides a fragment, merges, undoes, grows, answers a question, ticks, looks at the surface and
exports the mask; writes docs/images/{bridged_review,bridged_3d}.png. Wants a screen, or a virtual one
(xvfb-run).
"""

import os
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
import numpy as np
import tifffile
from qtpy.QtCore import Qt
from screenshots import Camera, parser
from tour import Hand, Voxel
from window import open_part, open_window

from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.demo import finish, wait
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.export.export_request import ExportRequest
from napari_emcad.widgets.export.file_formats import MADE_UP

PART, GAP, SLIP, SHIFT = (12, 384, 384), 5, 8, 24
"""Voxels of the part that is shown, the section that is blank, the first one that has slipped, and by what."""


def main() -> None:
    options = parser("Proofread across a section that is left out.").parse_args()
    with TemporaryDirectory() as folder:
        tour(options, Path(folder))


def tour(options, folder: Path) -> None:
    """Go through a session on such a stack in a folder; everything is checked on the way."""
    viewer, dock = open_window(options.theme)
    take, hand, panel = Camera(viewer, options.images), Hand(viewer), dock.proofread
    source = _open_damaged(viewer, dock, options, folder)
    dock.sections["proofread"].open()
    wait(lambda: dock.desk.device.device is not None and dock.desk.model.card is not None)
    panel.click_row.button.click()
    hand.click(source, (GAP, PART[1] // 2, PART[2] // 2))
    finish(dock)
    shown = dock.desk.results.current.neuron_layer
    assert shown.show_selected_label and shown.selected_label, dock.desk.message.text
    hand.press(Qt.Key.Key_Escape)
    viewer.layers.selection.active = source
    dock.desk.runs.run()
    finish(dock)
    plan = dock.desk.results.current.plan
    assert np.flatnonzero(plan.left_out).tolist() == [GAP], plan.sentence
    assert np.abs(plan.offset[-1] - (0, SHIFT)).max() <= 6, plan.sentence  # the tissue moves by itself, too
    panel.start_button.click()
    wait(lambda: panel.editor is not None)
    for affinities in dock.desk.results.current.affinity_layers:
        affinities.visible = False
    _proofread(hand, panel, take)
    _export(dock, folder)
    viewer.close()


def _open_damaged(viewer: napari.Viewer, dock: EMCADDock, options, folder: Path):
    """A part of the stack as a file, with a blank section and a slip; its layer."""
    with open_stack(options.data) if options.data else nullcontext() as volume:
        values = volume.array if volume else synthetic_stack((PART[0], PART[1], PART[2] + SHIFT), seed=1).raw
        size = (volume and volume.voxel_size) or (30, 6, 6)
        wide = np.array(values[: PART[0], : PART[1], : PART[2] + SHIFT])
    part = wide[:, :, SHIFT:].copy()
    part[SLIP:] = wide[SLIP:, :, : PART[2]]
    part[GAP] = 0
    if options.model is not None:
        dock.desk.model.open_file(options.model)
    return open_part(viewer, folder / "damaged.tif", part, size)


def _proofread(hand: Hand, panel, take: Camera) -> None:
    at = panel.editor.at
    fragment, voxel = _largest_in_the_gap(at)
    assert at.session.state.base.fragments[voxel] == fragment and at.neuron_at(voxel)
    hand.click(at.layer, voxel)
    assert at.selection.last == at.neuron_at(voxel)
    _divide(hand, panel, fragment)
    _split(hand, panel)
    _merge(hand, panel)
    _grow(hand, panel, voxel)
    _review(hand, panel, take)
    hand.click(at.layer, voxel)
    hand.press(Qt.Key.Key_T)
    assert at.neuron_at(voxel) in at.session.state.locked, panel._desk.message.text
    at.selection.select(at.neuron_at(voxel))
    panel.body.view_button.click()
    wait(lambda: panel._surfaces.scene.is_settled and len(panel._surfaces.scene.shown) == 1)
    take("bridged_3d")


def _divide(hand: Hand, panel, fragment: int) -> None:
    """Divide a fragment by two clicks in the section that is left out: so is it where it was seen, and back again."""
    at, before = panel.editor.at, panel.editor.at.session.state.digest()
    fragments = at.session.state.base.fragments
    inside = np.argwhere(fragments[GAP] == fragment)
    order = np.argsort(inside[:, 1])
    one, other = ((GAP, *map(int, inside[order[i]])) for i in (len(order) // 20, -len(order) // 20))
    hand.press(Qt.Key.Key_D)
    hand.click(at.layer, one)
    hand.click(at.layer, other, Qt.KeyboardModifier.ShiftModifier)
    hand.press(Qt.Key.Key_Return)
    parts = {int(fragments[one]), int(fragments[other])}
    assert len(parts) == 2 and fragment not in parts, panel._desk.message.text
    (seen,) = {z for z in range(PART[0]) if np.isin(fragments[z], [*parts]).any()} - {GAP}
    assert parts == {int(f) for f in np.unique(fragments[seen][np.isin(fragments[seen], [*parts])])}
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert at.session.state.digest() == before and fragments[one] == fragments[other] == fragment
    hand.press(Qt.Key.Key_Escape)


def _split(hand: Hand, panel) -> None:
    """Split a neuron between what lies before the gap and what lies after it."""
    at = panel.editor.at
    state = at.session.state
    one, other = _places_over_the_gap(at, joined=True)
    hand.press(Qt.Key.Key_D)
    hand.click(at.layer, one)
    hand.click(at.layer, other, Qt.KeyboardModifier.ShiftModifier)
    assert panel.editor.tool.proposal is not None, panel._desk.message.text
    hand.press(Qt.Key.Key_Return)
    assert at.neuron_at(one) != at.neuron_at(other)
    before = state.digest()
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert at.neuron_at(one) == at.neuron_at(other)
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert state.digest() == before
    hand.press(Qt.Key.Key_Escape)


def _merge(hand: Hand, panel) -> None:
    """Join again what was split; the two touch, so that nobody asks about a gap."""
    at = panel.editor.at
    one, other = _places_over_the_gap(at, joined=False)
    hand.press(Qt.Key.Key_A)
    hand.click(at.layer, one)
    hand.click(at.layer, other)
    if panel.body.question.words:
        assert "do not touch" not in panel.body.question.words, panel.body.question.words
        panel.body.question.yes_button.click()
    assert at.neuron_at(one) == at.neuron_at(other) and not at.session.log.rows[-1].effect.bridges
    hand.press(Qt.Key.Key_Escape)


def _grow(hand: Hand, panel, voxel: Voxel) -> None:
    at = panel.editor.at
    fragments = len(at.session.state.members(at.neuron_at(voxel)))
    hand.press(Qt.Key.Key_G)
    hand.wheel(at.layer, voxel, up=True)
    assert len(at.session.state.members(at.neuron_at(voxel))) > fragments, panel._desk.message.text
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(at.session.state.members(at.neuron_at(voxel))) == fragments
    hand.press(Qt.Key.Key_Escape)


def _review(hand: Hand, panel, take: Camera) -> None:
    """Put questions off until one is about the two sides of the gap, and answer that."""
    at = panel.editor.at
    hand.press(Qt.Key.Key_R)
    tool = panel.editor.tool
    while tool.question is not None and "sections before" not in tool.words:
        hand.press(Qt.Key.Key_N)
    assert tool.question is not None, "no question goes over the gap"
    a, b, rows = tool.question.a, tool.question.b, len(at.session.log.rows)
    take("bridged_review")
    hand.press(Qt.Key.Key_K)
    row = at.session.log.rows[-1]
    assert len(at.session.log.rows) == rows + 1, panel._desk.message.text
    clicked = [tuple(voxel) for voxel in row.input["voxels"]]
    assert [at.fragment_at(voxel) for voxel in clicked] == [a, b]
    assert GAP not in [voxel[0] for voxel in clicked], "both were seen"
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    hand.press(Qt.Key.Key_Escape)


def _export(dock: EMCADDock, folder: Path) -> None:
    exporter = dock.export.exporter
    assert MADE_UP in exporter.offers
    exporter.request = ExportRequest(MADE_UP)
    exporter.save(folder / "mask.tif")
    finish(dock)
    mask = tifffile.imread(folder / "mask.tif")
    assert [z for z in range(PART[0]) if mask[z].any()] == [GAP] and mask[GAP].all()


def _largest_in_the_gap(at) -> tuple[int, Voxel]:
    """The fragment with most voxels in the section that is left out, and one of these in its middle."""
    section = at.session.state.base.fragments[GAP]
    fragment = int(np.argmax(np.bincount(section[section > 0])))
    inside = np.argwhere(section == fragment)
    y, x = inside[np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))]
    return fragment, (GAP, int(y), int(x))


def _places_over_the_gap(at, joined: bool) -> tuple[Voxel, Voxel]:
    """Voxels at the largest contact between the sections before and after the gap, of one neuron or of two."""
    state = at.session.state
    z, y, x = state.graph.contact.T
    before = state.planned.voxels_before(state.graph.contact)
    over = (z == GAP + 1) & (before[:, 0] == GAP - 1)
    ends = np.stack([state.base.fragments[tuple(before.T)], state.base.fragments[z, y, x]], axis=1)
    over &= (np.sort(ends, axis=1) == np.stack([state.graph.u, state.graph.v], axis=1)).all(axis=1)
    over &= (state.table[state.graph.u] == state.table[state.graph.v]) == joined
    edge = int(np.argmax(np.where(over, state.graph.area * state.graph.mean, 0)))
    assert over[edge]
    return tuple(before[edge].tolist()), tuple(state.graph.contact[edge].tolist())


if __name__ == "__main__":
    main()
