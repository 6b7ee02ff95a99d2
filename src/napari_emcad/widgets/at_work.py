"""The jobs under way on a desk, in words: whatever is folded or scrolled away, they are seen and can be stopped."""

from collections.abc import Callable
from dataclasses import dataclass

from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import progress_text
from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.finetune.fine_tuning import FineTuning
from napari_emcad.widgets.kit.signals import Signal

TO_THE_TILE = "Stops within one tile; what is done stays."


@dataclass(frozen=True)
class Work:
    """A job under way.

    Attributes
    ----------
    words : str
        What is being done, and how far it is.
    done, total : int
        Steps; 0 of 0 where they are not known.
    stop_words : str
        The words of the button that stops it.
    stop_tip : str
    why_no_stop : str
        The reason why it cannot be stopped; empty if it can.
    """

    words: str
    done: int = 0
    total: int = 0
    stop_words: str = "Stop"
    stop_tip: str = TO_THE_TILE
    why_no_stop: str = ""


class AtWork:
    """Knows what is under way: the desk's job, a run by blocks, and fine-tuning, side by side.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, desk: Desk, blocks: BlockSession, fine_tuning: FineTuning):
        self._desk, self._blocks, self._fine_tuning = desk, blocks, fine_tuning
        self._progress: Progress | None = None
        desk.jobs.progressed.connect(self._on_progress)
        desk.jobs.running_changed.connect(self._on_running)
        for signal in (blocks.changed, blocks.seen_changed, fine_tuning.changed):
            signal.connect(self._emit_changed)

    @property
    def stops(self) -> dict[str, Callable[[], None]]:
        """The functions that stop each kind of work."""
        return {"desk": self._desk.runs.stop, "blocks": self._blocks.stop, "finetune": self._fine_tuning.stop}

    def work(self, kind: str) -> Work | None:
        """Return the work of a kind, a key of `stops`; None if there is none."""
        return {"desk": self._of_desk, "blocks": self._of_blocks, "finetune": self._of_fine_tuning}[kind]()

    def _of_desk(self) -> Work | None:
        jobs = self._desk.jobs
        if not jobs.running:
            return None
        if jobs.stopping:
            return Work("stopping ...", why_no_stop="Stopping: it ends with the tile under way.")
        progress = self._progress
        if progress is None:
            return Work("starting ...")
        return Work(progress_text(progress), progress.done, max(1, progress.total))

    def _of_blocks(self) -> Work | None:
        if not self._blocks.is_running:
            return None
        seen = self._blocks.seen
        done, total = (seen.progress.done, seen.progress.total) if seen else (0, 0)
        return Work(f"by blocks: {self._blocks.words}", done, total, stop_tip="Finished blocks are kept.")

    def _of_fine_tuning(self) -> Work | None:
        job = self._fine_tuning
        if not job.running:
            return None
        words = job.progress.words if job.progress.running else "..."
        return Work(f"fine-tuning: {words}", stop_words=job.start_words, stop_tip=job.start_tip)

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self.changed.emit()

    def _on_running(self) -> None:
        if not self._desk.jobs.running:
            self._progress = None
        self.changed.emit()

    def _emit_changed(self) -> None:
        self.changed.emit()
