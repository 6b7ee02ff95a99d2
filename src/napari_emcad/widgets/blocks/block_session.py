"""The session that a run by blocks fills: its folder, how far it is, and what can be done with it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from napari_emcad.blocks.moved_run import search_run
from napari_emcad.blocks.progress import BlockProgress, Watch
from napari_emcad.blocks.sections import sections_text
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.progress import Job, Progress
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, read_unfinished_run
from napari_emcad.io.sessions.file_names import RUN_FILE
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.io.stacks.find_stack import StackBehindUrl, StackNotFound
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.widgets.blocks.means_pick import MeansPick
from napari_emcad.widgets.blocks.new_run import NewRun
from napari_emcad.widgets.blocks.stage import Stage, stage_of
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.session_stack import FIND, load_sentence
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import centre
from napari_emcad.widgets.kit.session_place import session_folder
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.blocks import resume_run, start_run, watch_run


@dataclass(frozen=True)
class RunSeen:
    """A run as it was seen last.

    Attributes
    ----------
    progress : Progress
    dashboard : str
        URL of the page of its cluster; empty if there is none.
    is_at_work : bool
        False for a run that nobody is at.
    sections : str
        Words on the sections of the stack: what was found, and what is done about it.
    """

    progress: Progress
    dashboard: str = ""
    is_at_work: bool = True
    sections: str = ""

    @property
    def words(self) -> str:
        """The step and the blocks that are done of it, such as "fragments 3/12"."""
        stage = self.progress.stage
        is_counted = isinstance(self.progress, BlockProgress)
        return f"{stage} {self.progress.done}/{self.progress.total}" if is_counted else f"{stage} ..."


class BlockSession:
    """A session folder, the run in it, and the button that starts, stops, resumes or opens it.

    Attributes
    ----------
    means : MeansPick
    seen : RunSeen or None
        None while there is no run to show.
    has_finished : bool
        True once the run has ended well, until its session is opened or another one is named.

    Signals
    -------
    changed
        The folder is another one, or what can be done with it.
    seen_changed
    open_wanted : Path
        A session is to be opened.
    """

    changed = Signal()
    seen_changed = Signal()
    open_wanted = Signal(object)

    def __init__(self, desk: Desk):
        self._desk, self._message, self._jobs = desk, desk.message, desk.loop.jobs()
        self._new, self.means = NewRun(desk), MeansPick()
        self._folder: Path | None = None
        self._proposed: Path | None = None
        self._facts, self._lacks_stack = "", False
        self._url: Url | None = None
        self.seen: RunSeen | None = None
        self.has_finished = False
        self._jobs.progressed.connect(self._on_progress)
        self._jobs.running_changed.connect(self._on_change)
        desk.stack.changed.connect(self._on_stack)
        desk.inspection.changed.connect(self._on_change)
        for choice in (self.means, desk.region, desk.model, desk.device):
            choice.changed.connect(self._on_change)
        self._on_stack()

    @property
    def folder(self) -> Path | None:
        """The folder of the session; None if none is named."""
        return self._folder

    @folder.setter
    def folder(self, folder: Path | None) -> None:
        if folder != self._folder:
            self._folder, self.has_finished = folder, False
            self._look()

    @property
    def is_running(self) -> bool:
        """True while blocks are being done, or watched."""
        return self._jobs.running

    @property
    def stage(self) -> Stage:
        """The stage of the session: what `go_on` does."""
        return Stage.UNDER_WAY if self.is_running else stage_of(self._folder)

    @property
    def why_not(self) -> str:
        """The reason that `go_on` can do nothing; empty if it can."""
        if self.stage is Stage.NEW:
            return self._new.why_not(self._folder)
        return "Stopping." if self._jobs.stopping else ""

    @property
    def plan(self) -> str:
        """Time and disk space of a new run, or facts of the run in the folder."""
        return self._new.plan_text(self._folder) if self.stage is Stage.NEW else self._facts

    @property
    def sections(self) -> str:
        """Words on the sections of the stack: what was found in them, and what is done about it."""
        return self._new.sections_text if self.stage is Stage.NEW else self.seen.sections if self.seen else ""

    @property
    def words(self) -> str:
        """The step that the run is at; empty before it is known."""
        return self.seen.words if self.seen else ""

    def go_on(self) -> None:
        """Start, resume, stop or open the session, by its stage."""
        try:
            self._actions[self.stage]()
        except UserError as error:
            self._message.error(error)

    def stop(self) -> None:
        """Stop the run; finished blocks are kept."""
        self._jobs.stop()

    @property
    def lacks_stack(self) -> bool:
        """True once the stack of the run in the folder was looked for, and is not there."""
        return self._lacks_stack and self.stage is Stage.UNFINISHED

    @property
    def stack_url(self) -> Url | None:
        """The address of the stack of the run, if it was not fetched yet."""
        return self._url if self.lacks_stack else None

    def take_stack(self, stack: Location) -> None:
        """Go on with the run in the folder with a stack that a person has found."""
        if self.stage is Stage.UNFINISHED:
            self._search(self._named(), stack)

    def centre_block(self, block: Voxel) -> None:
        """Put the middle of a block of the run, counted on (z, y, x), into the middle of the canvas."""
        layer = self._desk.stack.layer
        if layer is None or self.stage not in (Stage.UNFINISHED, Stage.UNDER_WAY):
            return
        run = read_unfinished_run(self._named())
        box = run.blocks.box(int(np.ravel_multi_index(block, run.blocks.counts))).moved(run.place.start)
        centre(self._desk.viewer, layer, [(a + b) / 2 for a, b in zip(box.start, box.stop, strict=True)])

    def close(self) -> None:
        """End the run; finished blocks stay, and it can be resumed."""
        self._jobs.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    @property
    def _actions(self) -> dict[Stage, Callable[[], None]]:
        return {
            Stage.NEW: self._start,
            Stage.UNFINISHED: self._resume,
            Stage.UNDER_WAY: self.stop,
            Stage.FINISHED: self._open,
        }

    def _start(self) -> None:
        if why_not := self.why_not:
            raise UserError(why_not)
        self._run(start_run(self._named(), self._new.order(), self.means.means))

    def _resume(self) -> None:
        folder = self._named()
        if held := lock_holder(folder):
            self._run(watch_run(folder))
            self._message.result(f"{held}; this is how far it is.")
            return
        self._search(folder)

    def _search(self, folder: Path, stack: Location | None = None) -> None:
        """Look for the stack and the model of the run, and go on with it."""
        self._message.say('Looking for the stack and the model of the run; press "Stop" to give up.')
        self._jobs.start(search_run(folder, f'press "{FIND}"', stack), self._on_found)

    def _on_found(self, ended: Ended) -> None:
        if ended.result is None:
            error = ended.error
            self._url = error.url if isinstance(error, StackBehindUrl) else None
            if self._url is not None:
                ended = replace(ended, error=UserError(load_sentence(self._named(), self._url)))
            self._on_ended(ended)
            self._lacks_stack = isinstance(error, StackNotFound)
            self.changed.emit()
            return
        self._lacks_stack = False
        self._run(resume_run(self._named(), self.means.means))
        if notes := ended.result.notes:
            self._message.result(" ".join((self._message.text, *notes)))

    def _open(self) -> None:
        self.has_finished = False
        self.open_wanted.emit(self._named())

    def _run(self, job: Job[None]) -> None:
        self._message.result("Finished blocks are kept, whatever happens; you can go on with other work.")
        self._jobs.start(job, self._on_ended)

    def _named(self) -> Path:
        assert self._folder is not None, "no session is named"
        return self._folder

    def _look(self) -> None:
        """See how far the run in the folder is, if one was begun there."""
        self.seen, self._facts, self._lacks_stack = None, "", False
        if self.stage is Stage.UNFINISHED:
            try:
                run = read_unfinished_run(self._named())
                files = BlockFiles(self._named())
                self.seen = RunSeen(Watch(files, run).look(), is_at_work=False, sections=sections_text(run, files))
                self._facts = facts_text(run)
            except UserError as error:
                self._message.error(error)
        self.seen_changed.emit()
        self.changed.emit()

    def _on_progress(self, progress: Progress) -> None:
        folder, before = self._named(), self.seen
        sections = before.sections if before else ""
        if (before is None or before.progress.stage != progress.stage) and (folder / RUN_FILE).is_file():
            run = read_unfinished_run(folder)
            self._facts, sections = facts_text(run), sections_text(run, BlockFiles(folder))
        self.seen = RunSeen(progress, BlockFiles(folder).dashboard, sections=sections)
        self.seen_changed.emit()
        if before is None or before.sections != sections:
            self.changed.emit()

    def _on_ended(self, ended: Ended) -> None:
        self.has_finished = ended.error is None and self.stage is Stage.FINISHED
        self._look()
        if ended.error is not None:
            self._message.error(ended.error)
        elif self.has_finished:
            self._message.result(f'{self._named().name} is finished: press "Open".')
        else:
            self._message.result('Stopped: finished blocks are kept; press "Resume" to go on.')

    def _on_stack(self) -> None:
        """Propose a name, unless somebody has chosen another one."""
        layer = self._desk.stack.layer
        if layer is not None and not self.is_running and self._folder == self._proposed:
            self._proposed = session_folder(layer)
            self.folder = self._proposed
        self.changed.emit()

    def _on_change(self) -> None:
        self.changed.emit()


def facts_text(run: BlockRunFacts) -> str:
    """Return what a run is about, such as "large.zarr, 48 x 2048 x 2048 voxels in 12 blocks, with AC34.ckpt"."""
    return f"{PurePath(run.source).name}, {run.extent}, with {PurePath(run.model).name}"
