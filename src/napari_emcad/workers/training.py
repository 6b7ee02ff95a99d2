"""Training beside the window: whatever becomes of the child, napari lives on, and what was best until then is kept."""

from dataclasses import dataclass, field
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.finetuning.events import Event
from napari_emcad.finetuning.folder import note_event
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import ChildJob, StopRequest
from napari_emcad.workers.process import run_in_child

FINE = 1000
"""Parts of the budget that progress is told in."""


@dataclass(frozen=True)
class TrainingProgress(Progress):
    """A step of a training run, done as a share of its budget.

    Attributes
    ----------
    event : Event
        See `finetuning.run.fine_tune`.
    """

    event: Event = field(kw_only=True)


@dataclass(frozen=True)
class TrainingTask:
    """The folder of a run that is to be worked on."""

    folder: Path


def train_beside(folder: Path, stop: StopRequest) -> Job[None]:
    """Work on the run of a folder in a child, from its beginning or from where it was left.

    Yields `TrainingProgress`, and while nothing happens `Progress`.

    Parameters
    ----------
    folder : Path
        See `finetuning.run.write_run`.
    stop : StopRequest
        Stopped in good order, the run ends with the step under way and a last score.

    Raises
    ------
    UserError
        One sentence; what was best until then is kept. It is noted in the folder, too.
    """
    child = ChildJob(
        train_in_child,
        TrainingTask(folder.absolute()),
        name="training",
        stage="starting Python",
        advice="what was best until then is kept; go on, or begin with smaller crops or batches",
        progress=TrainingProgress,
    )
    try:
        yield from run_in_child(child, stop)
    except UserError as error:
        note_event(folder, {"event": "failed", "sentence": str(error)})
        raise


def train_in_child(caller: Caller, task: TrainingTask) -> Job[Arrays]:
    """Work on the run of a folder until its budget is spent or the caller wants no more."""
    done = 0.0
    for event in fine_tune(task.folder, caller.wanted):
        done = event["done"] if event["event"] == "step" else done
        yield TrainingProgress("training", round(FINE * done), FINE, event=event)
    return {}
