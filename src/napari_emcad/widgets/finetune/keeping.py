"""The job that adds the network of a run to the person's models."""

from dataclasses import dataclass, field
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.finetuning.folder import best_model, teacher_beside
from napari_emcad.networks import zoo
from napari_emcad.widgets.finetune.comparison import read_crops
from napari_emcad.widgets.finetune.crop_places import free_name
from napari_emcad.widgets.finetune.decision import NOT_BETTER
from napari_emcad.widgets.finetune.held_out_crop import HeldOutCrop
from napari_emcad.widgets.finetune.runs import RunFolder


@dataclass(frozen=True)
class KeptModel:
    """A model that has been kept, the teacher that learnt beside it, and the crops that it was scored on."""

    model: Path
    teacher: Path | None = None
    crops: dict[int, HeldOutCrop] = field(default_factory=dict)


def keep_job(run: RunFolder, name: str) -> Job[KeptModel]:
    """Keep the best network under a name, and the teacher that learnt beside it under another: both or none.

    Raises
    ------
    UserError
        If there is no such network, the name cannot be used, or there is no room.
    """
    yield Progress("keeping the model", 0, 1)
    best = best_model(run.folder)
    if best is None:
        raise UserError(NOT_BETTER)
    kept = zoo.kept_as(best, name)  # before a program was killed that was about to keep the rest
    model = kept or zoo.keep_model(best, name)
    try:
        teacher = _keep_teacher(teacher_beside(best), f"{model.stem} teacher")
        return KeptModel(model, teacher, read_crops(run))
    except BaseException:
        if kept is None:
            zoo.forget_model(model)
        raise


def _keep_teacher(teacher: Path, name: str) -> Path | None:
    """Keep a teacher under a name or the like; None if there is none."""
    if not teacher.exists():
        return None
    return zoo.kept_as(teacher, name) or zoo.keep_model(teacher, free_name(name, zoo.available_models()))
