"""A run by blocks whose folder, stack or model was moved since it was begun: they are found, and it goes on."""

from pathlib import Path
from typing import NamedTuple

from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.io.regular_files import await_path
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, move_run, read_unfinished_run
from napari_emcad.io.stacks.find_stack import search_stack
from napari_emcad.io.stacks.locations import Location
from napari_emcad.networks.find_model import find_model


class FoundRun(NamedTuple):
    """A run with its stack and model where they lie now, and sentences on those that were found elsewhere."""

    run: BlockRunFacts
    notes: tuple[str, ...]


def find_run(folder: Path, stack: Location | None = None, model: Path | None = None) -> FoundRun:
    """Find the stack and the model of an unfinished run, and write into `run.json` where they lie now.

    Parameters
    ----------
    folder : Path
    stack : path or URL, optional
        Looks only there for the stack.
    model : Path, optional
        Looks only there for the model.

    Raises
    ------
    UserError
        If one of them is not found or is another one now, or another program is at the run.
    """
    remedy = f"name it with: napari-emcad resume {folder} --stack FILE, or choose a new name for the session"
    return drive(search_run(folder, remedy, stack, model))


def search_run(folder: Path, remedy: str, stack: Location | None = None, model: Path | None = None) -> Job[FoundRun]:
    """Find stack and model as `find_run` does, step by step; `remedy` ends the sentence on a stack that is not found.

    Raises
    ------
    StackNotFound
        If there is no such stack.
    UserError
        As `find_run`.
    """
    yield from await_path(folder)
    run = read_unfinished_run(folder)
    found = yield from search_stack(run.stack_in(folder), stack, remedy, strict=True)
    yield Progress("looking for the model", 0, 1)
    weights = find_model(run.model, run.model_sha256, folder, model).absolute()
    notes = [found.note] if found.note else []
    if str(weights) != run.model:
        notes.append(f"The model {Path(run.model).name} was found by its hash: {weights}.")
    now = {"source": str(found.path.absolute()), "dataset": run.dataset, "model": str(weights)}
    if (now["source"], now["model"]) != (run.source, run.model):
        run = run.model_copy(update=now)
        move_run(folder, run)
    return FoundRun(run, tuple(notes))
