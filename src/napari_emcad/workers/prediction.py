"""Prediction beside the window, on the CPU.

In a window's process every block that the network asks for comes fresh from the system, which costs as much as the
convolutions (docs/decisions/0004-memory.md); and where memory runs out, the system would end napari with all that is
open in it. So larger boxes are predicted by a child, which asks for the pixels it needs and sends finished sections. It
can be stopped at any moment, also in the middle of a teacher's tile, which may take a minute.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.pixel_size import OWN
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.volume import Volume, Writable
from napari_emcad.io.section_plans import plan_of_json, plan_to_json
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import predict
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import ChildJob
from napari_emcad.workers.estimates import Planned
from napari_emcad.workers.process import run_in_child

SMALL = 3_000_000
"""Voxels of a student's work that are done in this process: before another one has loaded torch."""


@dataclass(frozen=True)
class Model:
    """A weights file, and its card."""

    path: Path
    card: ModelCard


@dataclass(frozen=True)
class PredictionTask:
    """A box that is to be predicted with the network of a file; the parameters are resolved.

    Attributes
    ----------
    model : Path
    box : Box
    parameters : SegmentParameters
    sections : JSON or None
        The plan for the volume's sections; None = all are used as they are.
    done : int
        Sections at the start of the box that are finished already.
    """

    model: Path
    box: Box
    parameters: SegmentParameters
    sections: dict[str, Any] | None = None
    done: int = 0


def predict_beside(
    volume: Volume,
    model: Model,
    affinities: Writable,
    box: Box,
    parameters: SegmentParameters,
    plan: SectionPlan | None = None,
    done: int = 0,
) -> Job[None]:
    """Predict as `pipeline.predict` does with the network of a file, in a child where that is faster.

    Parameters
    ----------
    volume : Volume
        (z, y, x).
    model : Model
        Of a student or teacher.
    affinities : Writable
        (3, z, y, x) uint8, of the box's shape.
    box : Box
    parameters : SegmentParameters
        Resolved: grey levels and device are known.
    plan : SectionPlan, optional
        Of the volume; None = its sections are used as they are.
    done : int
        Sections at the start of the box that are finished already.

    Raises
    ------
    UserError
        As there, and if memory does not suffice.
    """
    from napari_emcad.inference.choice import choose_device

    sections = None if plan is None else plan_to_json(plan)
    task, kind = PredictionTask(model.path, box, parameters, sections, done), choose_device(parameters.device).kind
    planned = Planned(box, volume.shape, kind, model.card, scale=parameters.scale or OWN)
    if kind != "cpu" or planned.work <= SMALL:
        yield from _predict(task, volume, affinities)
        return
    yield from run_in_child(
        ChildJob(
            predict_in_child,
            task,
            name="affinities",
            stage="loading the model",
            advice="choose a smaller box",
            reads={"volume": volume},
            writes={"affinities": affinities},
        )
    )


def predict_in_child(caller: Caller, task: PredictionTask) -> Job[Arrays]:
    """Predict from the caller's "volume" into its "affinities"."""
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    yield from _predict(task, caller.volume("volume"), caller.target("affinities"))
    return {}


def _predict(task: PredictionTask, volume: Volume, affinities: Writable) -> Job[None]:
    from napari_emcad.networks.checkpoint import load_model

    network, _ = load_model(task.model)
    plan = None if task.sections is None else plan_of_json(task.sections, triple(volume.shape))
    yield from predict(volume, network, affinities, task.box, task.parameters, plan, task.done)
