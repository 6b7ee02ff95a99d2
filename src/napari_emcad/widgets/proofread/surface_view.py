"""Neurons as surfaces, beside the sections."""

import time
from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.core.wording import count
from napari_emcad.widgets.desk.message import sentence_of
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.kit.threads import QtLoop
from napari_emcad.widgets.proofread.surface_canvas import Hit, SurfaceCanvas
from napari_emcad.widgets.proofread.surfaces import Make, NeuronSurfaces

TITLE = "Neurons in 3D"
"""Of the dock in which a window shows the view."""

NOTHING = "Select neurons to see them here."

AT_ONCE = 0.1
"""Seconds that the window waits for surfaces to be put on the canvas; what is left comes after it has been drawn."""


def show_beside(viewer, view: "SurfaceView", panel: QWidget) -> QDockWidget:
    """Put a view into a dock of its own, between the canvas of a viewer and the dock in which a panel lies.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Itself; a proxy shows no docks.
    view : SurfaceView
    panel : QWidget
        Where it lies in no dock, the view comes to the right of the canvas.
    """
    dock = viewer.window.add_dock_widget(view, name=TITLE, area="right")
    other = panel
    while other is not None and not isinstance(other, QDockWidget):
        other = other.parent()
    if other is not None and not other.isFloating():
        window = dock.parent()
        window.splitDockWidget(dock, other, Qt.Orientation.Horizontal)
        window.resizeDocks([dock, other], [view.sizeHint().width(), other.width()], Qt.Orientation.Horizontal)
    return dock


class SurfaceView(QWidget):
    """Shows neurons of a session and follows its edits; what is shown stays until the new surfaces are there.

    Signals
    -------
    picked : Click
        A click on a surface, at the voxel of that neuron nearest to where the eye meets it.
    """

    picked = Signal(object)

    def __init__(self, proofreading: Proofreading, parent: QWidget | None = None):
        super().__init__(parent)
        self._at = proofreading
        self._surfaces = NeuronSurfaces(proofreading)
        loop = QtLoop(self)  # its own, to go with the view
        self._jobs = loop.jobs()
        self._canvas = SurfaceCanvas(self)
        self._rest = loop.pause(0, self._show)
        self._wanted: dict[SegmentId, Ids] = {}
        self._shown: dict[SegmentId, Make] = {}
        self._asked: tuple[int, frozenset[Make]] | None = None
        self._fits = False
        self._window: QMainWindow | None = None
        self.words, self.fit_button = text(NOTHING), QPushButton("Fit")
        self._lay_out()
        self._connect()
        self.refresh()

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    @property
    def is_released(self) -> bool:
        """Whether the view or its window has been closed."""
        return self._canvas.widget is None

    @property
    def shown(self) -> list[SegmentId]:
        """Neurons whose surfaces are on the canvas."""
        return list(self._shown)

    @property
    def is_settled(self) -> bool:
        """Whether all that is shown is as the session is."""
        return not self._jobs.running and not self._rest.is_active

    def show_neurons(self, neurons: Sequence[SegmentId]) -> None:
        """Show these neurons and no others.

        One that is merged into another shows as that one until the merge is undone. The camera moves where none of
        them was shown, in whole or in part.
        """
        if self.is_released:
            return
        self._wanted = {neuron: self._at.session.state.members(neuron) for neuron in neurons}
        wanted = self._makes().values()
        self._fits = not any(make.shares(before) for make in wanted for before in self._shown.values())
        self.refresh()

    def refresh(self) -> None:
        """Follow the session: show what is known, and make what is not."""
        if self.is_released:
            return
        makes = self._makes()
        missing = frozenset(make for make in makes.values() if self._surfaces.get(make) is None)
        asked = (self._surfaces.edition, missing)
        if not missing:
            self._jobs.stop()
        elif asked != self._asked or not self._jobs.running:
            self._jobs.start(self._surfaces.making([m for m in makes.values() if m in missing]), self._on_made)
        self._asked = asked
        self._show()

    def fit(self) -> None:
        """Bring all surfaces into the picture; the angles stay."""
        self._canvas.fit()

    def release(self) -> None:
        """Stop the job, and let go of session, canvas and window."""
        if self.is_released:
            return
        self._at.changed.disconnect(self.refresh)
        self._at.layer.events.scale.disconnect(self._resize)
        self._at.layer.events.units.disconnect(self._resize)
        self._at.layer.events.colormap.disconnect(self._colour)
        self._rest.stop()
        self._canvas.close()
        self._jobs.close()
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def closeEvent(self, event) -> None:
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event) -> None:
        """Put into a dock, or taken out of it: napari does not close it then."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            self.release()
        else:  # the parents have not found theirs yet
            QTimer.singleShot(0, self._watch_window)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The window closes: the canvas has to go before it."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.release()
        return False

    # ---- inside ------------------------------------------------------------------------------------------------

    def _watch_window(self) -> None:
        window = self.parent()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent()
        if window is not None and self._window is None and not self.is_released:
            self._window = window
            window.installEventFilter(self)

    def _lay_out(self) -> None:
        self.fit_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.fit_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(row)
        column.addWidget(self._canvas.widget, 1)

    def _connect(self) -> None:
        self._at.changed.connect(self.refresh)
        self._at.layer.events.scale.connect(self._resize)
        self._at.layer.events.units.connect(self._resize)
        self._at.layer.events.colormap.connect(self._colour)
        self._jobs.progressed.connect(self._on_progress)
        self._canvas.clicked.connect(self._on_clicked)
        self.fit_button.clicked.connect(self.fit)

    def _makes(self) -> dict[SegmentId, Make]:
        """The neurons to be shown, as they are now, and what they are made of."""
        state, makes = self._at.session.state, {}
        for neuron, fragments in self._wanted.items():
            members = state.members(neuron)
            if len(members):
                self._wanted[neuron] = members
            for now in [neuron] if len(members) else map(SegmentId, np.unique(state.table[fragments]).tolist()):
                if now and now not in makes:
                    makes[now] = self._surfaces.make_of(state.members(now))
        return makes

    def _show(self) -> None:
        """Show what there is; neurons that are not wanted any more leave when all the others are there."""
        makes = self._makes()
        there = [neuron for neuron, make in makes.items() if self._surfaces.get(make) is not None]
        late = [neuron for neuron in there if self._shown.get(neuron) != makes[neuron]]
        left = self._put_some(late, makes)
        if left:
            self._rest.start()
        if is_whole := len(there) == len(makes) and not left:
            for neuron in [n for n in self._shown if n not in makes]:
                self._canvas.remove(neuron)
                del self._shown[neuron]
        self._colour()
        if self._fits and late:
            self.fit()
        self._fits &= not is_whole
        self._say(len(makes), len(there) - len(left))

    def _put_some(self, neurons: list[SegmentId], makes: dict[SegmentId, Make]) -> list[SegmentId]:
        """Put surfaces on the canvas as long as the window can wait; those that are left."""
        units = [str(unit) for unit in self._at.layer.units[-3:]]
        until = time.perf_counter() + AT_ONCE
        for done, neuron in enumerate(neurons):
            if done and time.perf_counter() > until:
                return neurons[done:]
            self._canvas.put(neuron, self._surfaces.get(makes[neuron]), units)
            self._shown[neuron] = makes[neuron]
        return []

    def _say(self, wanted: int, there: int) -> None:
        words = count(wanted, "neuron") if wanted else NOTHING
        self.words.setText(words if there == wanted else f"{words}, making surface {there + 1} of {wanted}")
        enable(self.fit_button, "" if self._shown else NOTHING, "Bring all surfaces into the picture.")

    def _colour(self, _event: object = None) -> None:
        """The colours of the neurons layer, also of neurons that it hides."""
        colours = self._at.layer.colormap
        if colours.use_selection:
            colours = colours.model_copy(update={"use_selection": False})
        self._canvas.colour(colours.map)

    def _resize(self, _event: object = None) -> None:
        """The voxel size is another one: napari draws no layers of different units together."""
        self._canvas.clear()
        self._shown.clear()
        self._fits = True
        self.refresh()

    def _on_progress(self, _progress: object) -> None:
        self._take()
        self._show()

    def _on_made(self, ended: Ended) -> None:
        self._take()
        self._ended(ended)

    def _take(self) -> None:
        self._surfaces.take([*self._makes().values(), *self._shown.values()])

    def _ended(self, ended: Ended) -> None:
        """Go on, unless it would fail again: a job fails as well where a fragment is parted under its hands."""
        if ended.error is not None and self._asked[0] == self._surfaces.edition:
            self.words.setText(sentence_of(ended.error))
        else:
            self.refresh()

    def _on_clicked(self, hit: Hit) -> None:
        voxel = self._voxel_near(hit)
        if voxel is not None:
            self.picked.emit(Click(voxel, hit.is_shifted))

    def _voxel_near(self, hit: Hit) -> Voxel | None:
        """The voxel of a neuron nearest to a place on its surface; None where it lies elsewhere by now."""
        make = self._shown[hit.neuron]
        fragments, middle = self._at.session.state.base.fragments, hit.place / make.voxel_size
        reach = 2 * np.array(self._surfaces.get(make).strides)
        low = np.clip(np.floor(middle - reach), 0, fragments.shape).astype(int)
        high = np.clip(np.ceil(middle + reach) + 1, 0, fragments.shape).astype(int)
        inside = np.isin(fragments[tuple(map(slice, low, high))], make.members)
        voxels = np.argwhere(inside) + low
        if not len(voxels):
            return None
        apart = (((voxels - middle) * make.voxel_size) ** 2).sum(axis=1)
        return tuple(map(int, voxels[np.argmin(apart)]))
