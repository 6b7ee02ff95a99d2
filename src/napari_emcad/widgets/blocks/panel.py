"""The panel By blocks: a region larger than memory becomes a session, block by block, and can be stopped any time."""

import shutil
from enum import Enum
from pathlib import PurePath

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.blocks.progress import Watch
from napari_emcad.blocks.run import disk_needed
from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.wording import about_text, size_text
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, read_unfinished_run
from napari_emcad.io.sessions.file_names import FACTS_FILE, RUN_FILE
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.widgets.blocks.means import MeansChoice
from napari_emcad.widgets.blocks.session_choice import SessionChoice
from napari_emcad.widgets.blocks.view import BlockView
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.forms import enable, form, text
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import centre, origin_of, volume_of, voxel_size_of
from napari_emcad.widgets.kit.session_place import SUFFIX, session_folder
from napari_emcad.workers.blocks import BlockOrder, resume_run, start_run, watch_run


class Stage(Enum):
    """What there is in the folder named: the words of the button that goes on from there."""

    NEW = "Start"
    UNFINISHED = "Resume"
    UNDER_WAY = "Stop"
    FINISHED = "Open"


TIPS = {
    Stage.NEW: "Segment the region with the model and device above, into the session.",
    Stage.UNFINISHED: "Go on with the session as it was begun, whatever is chosen above.",
    Stage.UNDER_WAY: "Stop at once; finished blocks are kept.",
    Stage.FINISHED: "Proofread the session.",
}


class BlocksPanel(QWidget):
    """Region, model and device are those of the panel Segment.

    Signals
    -------
    open_wanted : Path
        A session is to be opened.
    """

    open_wanted = Signal(object)

    def __init__(self, desk: Desk):
        super().__init__()
        self._desk, self._viewer, self._stack, self._message = desk, desk.viewer, desk.stack, desk.message
        self._jobs, self._proposed, self._facts = desk.loop.jobs(), None, ""
        self.session, self.means, self.view = SessionChoice(), MeansChoice(), BlockView()
        self.button, self._plan = QPushButton(), text()
        self._lay_out()
        self._connect()
        self._on_stack()

    @property
    def running(self) -> bool:
        """Whether blocks are being done, or watched."""
        return self._jobs.running

    @property
    def words(self) -> str:
        """Where the run is."""
        return self.view.bar.format()

    @property
    def stage(self) -> Stage:
        """What the button acts on."""
        folder = self.session.folder
        if self.running:
            return Stage.UNDER_WAY
        if folder is not None and (folder / FACTS_FILE).is_file():
            return Stage.FINISHED
        return Stage.UNFINISHED if folder is not None and (folder / RUN_FILE).is_file() else Stage.NEW

    def go_on(self) -> None:
        """What the button says."""
        try:
            if self.stage is Stage.UNDER_WAY:
                self._jobs.stop()
            elif self.stage is Stage.FINISHED:
                self.open_wanted.emit(self.session.folder)
            elif self.stage is Stage.UNFINISHED:
                self._resume()
            else:
                self._begin()
        except UserError as error:
            self._message.error(error)

    def close_panel(self) -> None:
        """End the run; what is finished stays, and it can be gone on with."""
        self._jobs.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        rows_widget = QWidget()
        rows = form(rows_widget, margin=0)
        rows.add("Session", self.session)
        rows.add("Memory", self.means.here)
        rows.add("Cluster", self.means.scheduler)
        rows.add("Plan", self._plan)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        for widget in (rows_widget, self.button, self.view):
            column.addWidget(widget)
        self.view.setVisible(False)

    def _connect(self) -> None:
        self.button.clicked.connect(self._on_button)
        self.session.changed.connect(self._on_folder)
        self.means.changed.connect(self._update)
        self._stack.changed.connect(self._on_stack)
        for signal in (self._desk.region.changed, self._desk.model.changed, self._desk.device.changed):
            signal.connect(self._update)
        self._jobs.progressed.connect(self._on_progress)
        self._jobs.running_changed.connect(self._update)
        self.view.chosen.connect(self._on_block)

    def _begin(self) -> None:
        if why_not := self._why_not_begin():
            raise UserError(why_not)
        layer, desk = self._stack.layer, self._desk
        order = BlockOrder(
            **origin_of(layer),
            shape=volume_of(layer).shape,
            voxel_size=voxel_size_of(layer),
            model=desk.model.path,
            box=desk.region.box(),
            parameters=desk.choices.parameters(),
        )
        self._start(start_run(self.session.folder, order, self.means.means))

    def _resume(self) -> None:
        folder = self.session.folder
        held = lock_holder(folder)
        self._start(watch_run(folder) if held else resume_run(folder, self.means.means))
        if held:
            self._message.result(f"{held}; this is how far it is.")

    def _start(self, job: Job[None]) -> None:
        self._message.result("Finished blocks are kept, whatever happens; you can go on with other work.")
        self._jobs.start(job, self._on_ended)

    def _on_button(self) -> None:
        self.go_on()

    def _on_progress(self, progress: Progress) -> None:
        folder = self.session.folder
        self.view.setVisible(True)
        self.view.put(progress, BlockFiles(folder).dashboard)
        if not self._facts and (folder / RUN_FILE).is_file():
            self._facts = facts_text(read_unfinished_run(folder))
            self._update()

    def _on_ended(self, ended: Ended) -> None:
        self._on_folder()
        if ended.error is not None:
            self._message.error(ended.error)
        elif self.stage is Stage.FINISHED:
            self._message.result(f'{self.session.folder.name} is finished: press "Open".')
        else:
            self._message.result('Stopped: finished blocks are kept; press "Resume" to go on.')

    def _on_folder(self) -> None:
        """Show how far what is in the folder named is."""
        is_begun, self._facts = self.stage is Stage.UNFINISHED, ""
        self.view.setVisible(is_begun)
        if is_begun:
            try:
                run = read_unfinished_run(self.session.folder)
            except UserError as error:
                self._message.error(error)
                self.view.setVisible(False)
                return
            self.view.put(Watch(BlockFiles(self.session.folder), run).look())
            self.view.rest()
            self._facts = facts_text(run)
        self._update()

    def _on_stack(self) -> None:
        """Propose a name, unless somebody has chosen another one."""
        if self._stack.layer is not None and not self.running and self.session.folder == self._proposed:
            self._proposed = session_folder(self._stack.layer)
            self.session.folder = self._proposed
        self._update()

    def _on_block(self, block: tuple[int, int, int]) -> None:
        """Go to the middle of a block of the run."""
        layer = self._stack.layer
        if layer is None or self.stage not in (Stage.UNFINISHED, Stage.UNDER_WAY):
            return
        run = read_unfinished_run(self.session.folder)
        box = run.blocks.box(int(np.ravel_multi_index(block, run.blocks.counts))).moved(run.place.start)
        middle = [(a + b) / 2 for a, b in zip(box.start, box.stop, strict=True)]
        centre(self._viewer, layer, middle)

    def _why_not_begin(self) -> str:
        folder, layer = self.session.folder, self._stack.layer
        if why_not := self._desk.choices.why_not or self._desk.choices.why_no_affinities:
            return why_not
        if origin_of(layer)["source"] is None:
            return f'"{layer.name}" is in memory only: save it (File > Save Selected Layers) and open that file.'
        if folder is None or folder.suffix != SUFFIX:
            return f"Name a session, a folder that ends in {SUFFIX}."
        return "" if folder.parent.is_dir() else f"The folder {folder.parent} does not exist; choose another one."

    def _update(self, _value: object = None) -> None:
        stage = self.stage
        self.button.setText(stage.value)
        why_not = {
            Stage.NEW: self._why_not_begin,
            Stage.UNDER_WAY: lambda: "Stopping." if self._jobs.stopping else "",
        }.get(stage, str)()
        enable(self.button, why_not, TIPS[stage])
        for widget in (self.session, self.means.here, self.means.scheduler):
            widget.setEnabled(stage is not Stage.UNDER_WAY)
        self._plan.setText(self._plan_text() if stage is Stage.NEW else self._facts)

    def _plan_text(self) -> str:
        layer, folder = self._stack.layer, self.session.folder
        if layer is None or self._desk.choices.why_not:
            return "told once a stack and a model are there"
        try:
            box = self._desk.region.box()
        except UserError:
            return "told once a box is drawn"
        found = self._desk.choices.estimate(box)
        time = [] if found is None or found.seconds is None else [about_text(found.seconds)]
        needed = disk_needed(box.shape)
        disk = f"about {size_text(needed)} on the disk"
        if folder is not None and folder.parent.is_dir():
            free = shutil.disk_usage(folder.parent).free
            disk += f", {'but only ' if free < needed else ''}{size_text(free)} are free"
        return ", ".join([*time, disk])


def facts_text(run: BlockRunFacts) -> str:
    """What a run is about, such as "large.zarr, 48 x 2048 x 2048 voxels in 12 blocks, with AC34.ckpt"."""
    return f"{PurePath(run.source).name}, {run.extent}, with {PurePath(run.model).name}"
