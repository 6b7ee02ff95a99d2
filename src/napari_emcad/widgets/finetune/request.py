"""A run that is asked for, and the job that writes its folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop, exchange_greys
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume
from napari_emcad.finetuning.folder import TrainingOrder, write_run
from napari_emcad.inference.normalisation import EM_GREYS, choose_normalisation
from napari_emcad.io.write_errors import explain_write
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.finetune.crop_places import PlannedCrop
from napari_emcad.widgets.finetune.held_out_place import place_facts
from napari_emcad.widgets.finetune.plan import Plan
from napari_emcad.widgets.finetune.runs import PLACES, RunFolder, new_folder
from napari_emcad.widgets.kit.layers import volume_of


@dataclass(frozen=True)
class UnreadCrop:
    """A crop with what is needed to read it.

    Attributes
    ----------
    name : str
    volume : Volume
        The stack.
    box : Box
        Its place there.
    labels : (z, y, x) integer
        As they stand now.
    known : (z, y, x) bool or None
        True where labels are verified; None = everywhere.
    inverted : (z,) bool
        True: dark is bright in this section.
    """

    name: str
    volume: Volume
    box: Box
    labels: NDArray[Any]
    known: NDArray[np.bool_] | None
    inverted: NDArray[np.bool_]

    @classmethod
    def of(cls, crop: PlannedCrop) -> Self:
        """Return a crop to be read, with labels of its own: people may go on editing."""
        labels, plan = crop.place.truth.labels_in(crop.box), crop.place.plan
        inverted = np.zeros(crop.box.shape[0], bool) if plan is None else plan.inverted[crop.box.slices[0]]
        return cls(crop.name, volume_of(crop.place.stack), crop.box, labels, crop.known, inverted)

    def sections(self, levels: SegmentParameters) -> Iterator[NDArray[Any]]:
        """Read one section after the other, by the grey levels of the whole stack or those that a person set."""
        first, *plane = self.box.slices
        normalisation = choose_normalisation(self.volume, levels.black, levels.white, EM_GREYS)
        for z, inverted in zip(range(first.start, first.stop), self.inverted, strict=True):
            section = normalisation.for_crops(np.asarray(self.volume[(z, *plane)]))
            yield exchange_greys(section[None], inverted[None])[0]


@dataclass(frozen=True)
class Request:
    """A run to write: the folder for runs, the order, its crops, and the places of those held out."""

    runs: Path
    order: TrainingOrder
    train: Sequence[UnreadCrop]
    held_out: Sequence[UnreadCrop]
    places: Sequence[Mapping[str, Any]]
    levels: SegmentParameters

    @classmethod
    def of(cls, runs: Path, order: TrainingOrder, plan: Plan, levels: SegmentParameters) -> Self:
        """Return the request for a plan; grey levels are those of a run that segments."""
        train, held_out = ([UnreadCrop.of(crop) for crop in crops] for crops in (plan.train, plan.held_out))
        return cls(runs, order, train, held_out, [place_facts(crop) for crop in plan.held_out], levels)


def write_job(request: Request) -> Job[RunFolder]:
    """Read the crops' pixels and write the run's folder, of which nothing stays if that fails.

    Raises
    ------
    UserError
        If the disk is full, or the crops cannot be learnt from.
    """
    unread = [*request.train, *request.held_out]
    watch, done = Stopwatch("reading the crops", sum(crop.box.shape[0] for crop in unread)), 0
    crops: list[Crop] = []
    for crop in unread:
        sections = []
        for section in crop.sections(request.levels):
            sections.append(section)
            done += 1
            yield watch.at(done)
        crops.append(Crop(np.stack(sections), crop.labels, crop.known, crop.name))
    n = len(request.train)
    return _write(request, crops[:n], crops[n:])


def _write(request: Request, train: Sequence[Crop], held_out: Sequence[Crop]) -> RunFolder:
    """Write the run's folder; nothing of it stays if that fails."""
    places = json.dumps(request.places)

    def write(folder: Path) -> None:
        write_run(folder, request.order, train, held_out)
        (folder / PLACES).write_text(places, "utf-8")

    try:
        return RunFolder(new_folder(request.runs, write))
    except OSError as error:
        raise explain_write(error, request.runs / "run") from error
