"""The training loop, from top to bottom: student, teacher or both, with the losses of the mode."""

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import SectionFeatures, Student
from napari_emcad.networks.teacher import Teacher, nearest_affinities
from napari_emcad.training.align import rotation_towards, turned
from napari_emcad.training.augment import CHANCES, LIGHT
from napari_emcad.training.crops import (
    Batch,
    Shape,
    Views,
    Wanted,
    middle,
    random_batch,
    random_views,
    views_to_restore,
)
from napari_emcad.training.descent import descend, learning_rate
from napari_emcad.training.objective import OBJECTIVES, Objective, Outputs, by_crop, total_loss
from napari_emcad.training.params import NEEDS_LABELS, TrainingParameters
from napari_emcad.training.perturb import View, affinities_back
from napari_emcad.training.prefetch import prefetched
from napari_emcad.training.truth import Truth

HEAD = "head"
"""Name of the layer that makes grey levels, in pre-training."""

FIRST, SECOND = slice(None, -1), slice(1, None)
"""Sections that are the first and those that are the second of a pair."""

CONSISTENCY = 1.0
"""Weight of the consistency of views of unlabelled blocks, where it is asked for."""

DAMAGED = (OSError, EOFError, RuntimeError, UnpicklingError, LookupError, TypeError, ValueError, AttributeError)
"""What torch says of a file that holds something else."""


class Step(NamedTuple):
    """What one step of training reports."""

    step: int
    done: float  # of the budget, 0 to 1
    seconds: float  # since the run began, pauses between resumed parts not counted
    learning_rate: float
    loss: float
    parts: dict[str, float]  # each loss without its weight


Drawn = tuple[Batch, Views | None]
"""What is labelled, or taught by a teacher, and views of what is not."""


class Lesson(NamedTuple):
    """What one step learns from."""

    images: Tensor  # (n, z, y, x) float32 in [0, 1]: the sections that the student sees
    truth: Truth  # of these sections and those that follow
    teacher: Tensor | None  # (n, e, z or more, y, x): what the teacher says of them
    views: Views | None  # of unlabelled blocks


class TrainingState:
    """Everything a run needs to go on where it stopped: networks, running means, optimiser, step, time.

    Parameters
    ----------
    networks : dict
        "student" and "teacher", as far as the mode needs them; trained in place.
    parameters : TrainingParameters
    device : str
        torch's name.
    """

    def __init__(self, networks: dict[str, Student | Teacher], parameters: TrainingParameters, device: str = "cpu"):
        self.objective = objective_for(networks, parameters)
        self.device, self.consistency = device, parameters.consistency
        if self.objective.restore:
            networks = networks | {HEAD: restoring_head(*networks.values())}
        self.networks = {name: _placed(network, device) for name, network in networks.items()}
        self.learning = [name for name in self.networks if name != "teacher" or self.objective.teacher_learns]
        average = get_ema_multi_avg_fn(parameters.ema)
        self.means = {n: AveragedModel(self.networks[n], multi_avg_fn=average, use_buffers=True) for n in self.learning}
        weights = [p for name in self.learning for p in self.networks[name].parameters()]
        self.optimiser = torch.optim.AdamW(weights, weight_decay=parameters.weight_decay)
        self.rotation: Tensor | None = None  # (e, e), of the teacher's embeddings; see `align`
        self.step, self.seconds = 0, 0.0

    def save(self, path: Path) -> None:
        """Write beside, then rename: a killed run leaves the previous state.

        Raises
        ------
        UserError
            Where it cannot be written.
        """
        beside = path.with_suffix(".part")
        try:
            torch.save(self._content(), beside)
            beside.replace(path)
        except (OSError, RuntimeError) as error:
            beside.unlink(missing_ok=True)
            raise UserError(
                f"{path}: the state of the run could not be written ({error}); make room, and start it again."
            ) from error

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote.

        Raises
        ------
        UserError
            Where the file is damaged or of another run.
        """
        try:
            saved = torch.load(path, map_location=self.device, weights_only=True)
            for name in self.learning:
                self.networks[name].load_state_dict(saved["networks"][name])
                self.means[name].load_state_dict(saved["means"][name])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step, self.seconds, self.rotation = saved["step"], saved["seconds"], saved["rotation"]
        except DAMAGED as error:
            raise UserError(f"{path}: this is no state of such a run; move it away to start anew.") from error

    def averaged(self, name: str) -> Student | Teacher:
        """A copy of a network with the running mean of its weights, on the CPU, in eval mode: what is kept of a run."""
        network = copy.deepcopy(self.means[name].module if name in self.means else self.networks[name])
        return network.to("cpu").eval()

    def train_mode(self) -> None:
        """What learns is in training mode; a frozen teacher is not, and keeps its running means."""
        for name, network in self.networks.items():
            network.train(name in self.learning)

    def _content(self) -> dict:
        return {
            "networks": {name: self.networks[name].state_dict() for name in self.learning},
            "means": {name: mean.state_dict() for name, mean in self.means.items()},
            "optimiser": self.optimiser.state_dict(),
            "rotation": self.rotation,
            "step": self.step,
            "seconds": self.seconds,
        }


def train(state: TrainingState, crops: Sequence[Crop], parameters: TrainingParameters) -> Iterator[Step]:
    """Train one `Step` at a time until the budget is spent; stop by not asking for the next.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    crops : sequence of Crop
    parameters : TrainingParameters

    Raises
    ------
    UserError
        Where the loss is no number any more.
    """
    shape, chances = parameters.crop.shape, LIGHT if parameters.augmented == "light" else CHANCES
    wanted = Wanted(parameters.crop.batch, shape, shown_for(state, shape), chances)
    unlabelled = [c for c in crops if not c.voxels_known] if state.objective.consistency else []
    taught = [c for c in crops if c not in unlabelled]

    def batch(number: int) -> Drawn:
        rng = np.random.default_rng((parameters.seed, number))
        drawn = random_batch(rng, taught, wanted)
        if state.objective.restore:
            return drawn, views_to_restore(rng, drawn.images)
        return drawn, random_views(rng, unlabelled, wanted) if unlabelled else None

    number, lessons_before = divmod(state.step, lessons_of_a_batch(state, shape))
    if parameters.mode not in NEEDS_LABELS:
        taught = [replace(c, known=None) for c in taught]
    began = time.monotonic() - state.seconds
    if state.rotation is None and state.objective.interaction:
        state.rotation = _rotation(state, batch(number)[0].to(state.device), shape)
    with closing(prefetched(batch, number)) as batches:
        lessons = islice(_lessons(state, batches, parameters), lessons_before, None)
        while (done := parameters.share_done(state.step, time.monotonic() - began)) < 1:
            state.train_mode()
            rate = learning_rate(parameters, state.step, done)
            loss, parts = _learn(state, next(lessons), parameters, rate)
            state.step, state.seconds = state.step + 1, time.monotonic() - began
            done = min(1.0, parameters.share_done(state.step, state.seconds))
            yield Step(state.step, done, state.seconds, rate, loss, parts)


def restoring_head(network: Student | Teacher) -> nn.Module:
    """From what a network says of a voxel to its grey level; thrown away after pre-training."""
    channels = network.config.embedding_channels if isinstance(network, Student) else network.config.outputs
    return nn.Conv3d(channels, 1, 1)


def objective_for(networks: dict[str, Student | Teacher], parameters: TrainingParameters) -> Objective:
    """The losses of the mode that these networks can have: grafting needs embeddings of one length."""
    objective = OBJECTIVES[parameters.mode].model_copy(update={"loss": parameters.loss})
    if parameters.consistency != "off":
        return objective.model_copy(update={"consistency": CONSISTENCY})
    if "teacher" not in networks or "student" not in networks or not objective.interaction:
        return objective
    teacher, student = networks["teacher"].config, networks["student"].config
    if teacher.affinities or teacher.outputs != student.embedding_channels:
        return objective.model_copy(update={"interaction": 0.0})
    return objective


def shown_for(state: TrainingState, shape: Shape) -> Shape:
    """What the networks are shown to learn blocks of this shape: a teacher may have margins and sizes of its own."""
    if "teacher" not in state.networks:
        return shape
    config = state.networks["teacher"].config
    sides = zip(shape, config.rasters, config.margin, strict=True)
    return tuple(raster.at_least(n) + 2 * margin for n, raster, margin in sides)


def lessons_of_a_batch(state: TrainingState, shape: Shape) -> int:
    """Steps that are made of a batch of blocks of this shape.

    Strategy: many small steps teach a student more than few large ones. What a frozen teacher says of a block does not
    change, so it is asked once, and the student makes a step of each pair of sections.
    """
    return shape[0] - 1 if "teacher" in state.networks and not state.objective.teacher_learns else 1


def _lessons(state: TrainingState, batches: Iterable[Drawn], told: TrainingParameters) -> Iterator[Lesson]:
    """The lessons of all batches, each ready when it is asked for."""
    shape = told.crop.shape
    lessons = lessons_of_a_batch(state, shape)
    sections = shape[0] - lessons + 1  # of a lesson: a pair, or the whole block
    for batch, views in batches:
        shown, labels, known = batch.to(state.device)
        truth = Truth.of(middle(labels, shape), middle(known, shape))
        with _autocast(state, told):
            teacher = teacher_of(state, shown, shape)
        images = middle(shown, shape)
        for z in range(lessons):
            said = None if teacher is None else teacher[:, :, z:]
            yield Lesson(images[:, z : z + sections], truth.sections(z), said, views)


def teacher_of(state: TrainingState, images: Tensor, shape: Shape) -> Tensor | None:
    """What the teacher says, turned towards the student; None where the step needs none.

    Parameters
    ----------
    state : TrainingState
    images : (n, z, y, x) float32 in [0, 1]
        As large as `shown_for` says.
    shape : (z, y, x)
        Of the middle, for which it is returned.
    """
    if "teacher" not in state.objective.networks(state.step):
        return None
    with nullcontext() if state.objective.teacher_learns else torch.no_grad():
        teacher = middle(state.networks["teacher"](images[:, None]), shape)
    return teacher if state.rotation is None else turned(teacher, state.rotation)


def student_of(state: TrainingState, images: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """(n, z, y, x) -> the student's embeddings of every pair, (n, e, z - 1, y, x) each; None where it has no loss."""
    if "student" not in state.objective.networks(state.step):
        return None, None
    previous, current = (by_crop(e, len(images)) for e in _embed(state.networks["student"], images))
    return previous, current


def of_views(state: TrainingState, views: Views, shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """What the network says of both views of each block, and where both show it, (n, 3, z, y, x) each.

    Of the second view the running mean of its weights speaks where that was asked for, and learns nothing from it.
    """
    (name,) = state.learning
    network, mean = state.networks[name], state.means[name].module
    with _running_means_kept(network):
        first, shown = _of_view(network, views.first, shape, state.device)
        with torch.no_grad() if state.consistency == "ema" else nullcontext():
            other = mean.eval() if state.consistency == "ema" else network
            second, shown_too = _of_view(other, views.second, shape, state.device)
    return first, second, shown & shown_too


@contextmanager
def _running_means_kept(network: nn.Module) -> Iterator[None]:
    """BatchNorm's running means stay those of sections as they are: perturbed ones are never segmented."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def of_restored(state: TrainingState, views: Views, shape: Shape) -> tuple[Tensor, Tensor]:
    """Grey levels that the network makes of perturbed blocks, and those of the blocks, (n, z, y, x) each."""
    shown, sections = _pictures(views.first, state.device), middle(_pictures(views.second, state.device), shape)
    if "teacher" in state.networks:
        said = middle(state.networks["teacher"](shown[:, None]), shape)
    else:
        pairs = _embed(state.networks["student"], middle(shown, shape))
        said = torch.cat([by_crop(embeddings, len(shown)) for embeddings in pairs], dim=2)
        sections = torch.cat([sections[:, FIRST], sections[:, SECOND]], dim=1)
    return state.networks[HEAD](said)[:, 0], sections


def _of_view(network: Student | Teacher, views: list[View], shape: Shape, device: str) -> tuple[Tensor, Tensor]:
    """Affinities of one view of each block, brought back onto it, and where it shows them."""
    said = _said(network, _pictures(views, device), shape)
    back, shown = zip(*(affinities_back(s, view) for s, view in zip(said, views, strict=True)), strict=True)
    return torch.stack(back), torch.stack(shown)


def _pictures(views: list[View], device: str) -> Tensor:
    """(n, z, y, x) float32."""
    return torch.from_numpy(np.stack([view.image for view in views])).to(device)


def _said(network: Student | Teacher, images: Tensor, shape: Shape) -> Tensor:
    """(n, z, y, x) -> affinities z, y, x of the middle of this shape, (n, 3, z, y, x); a student's from z = 1 on."""
    if isinstance(network, Student):
        pairs = (embeddings.float() for embeddings in _embed(network, middle(images, shape)))
        return by_crop(pair_affinities(*pairs), len(images))
    return middle(nearest_affinities(network, images[:, None]), shape).float()


@torch.no_grad()
def _rotation(state: TrainingState, batch: Batch, shape: Shape) -> Tensor:
    """Of the teacher's embeddings towards the student's, both as they are in use."""
    for network in state.networks.values():
        network.eval()
    _, current = student_of(state, middle(batch.images, shape))
    return rotation_towards(current, teacher_of(state, batch.images, shape)[:, :, 1:])


def _embed(student: Student, crops: Tensor) -> tuple[Tensor, Tensor]:
    """(n, z, y, x) -> both embeddings of every pair, (n * (z - 1), e, y, x) each; a section is encoded once."""
    sections = crops.flatten(0, 1)[:, None].contiguous(memory_format=_format_of_sections(crops.device.type))
    features = student.encode(sections)
    by_section = [f.unflatten(0, crops.shape[:2]) for f in features]  # (n, z, maps, ...)
    previous, current = (SectionFeatures(*(f[:, part].flatten(0, 1) for f in by_section)) for part in (FIRST, SECOND))
    return student.embed(previous, current)


def _autocast(state: TrainingState, told: TrainingParameters) -> torch.autocast:
    return torch.autocast(state.device, torch.bfloat16, enabled=bool(told.half))


def _learn(
    state: TrainingState, lesson: Lesson, told: TrainingParameters, rate: float
) -> tuple[float, dict[str, float]]:
    """One step; the loss and its parts."""
    of_affinities = "teacher" in state.networks and state.networks["teacher"].config.affinities
    with _autocast(state, told):
        outputs = Outputs(*student_of(state, lesson.images), lesson.teacher, of_affinities)
        if state.objective.consistency and lesson.views:
            outputs = replace(outputs, views=of_views(state, lesson.views, told.crop.shape))
        if state.objective.restore:
            outputs = replace(outputs, restored=of_restored(state, lesson.views, told.crop.shape))
    losses = total_loss(outputs, lesson.truth, state.objective, state.step)
    loss = descend(state.optimiser, losses.total, rate, told.clip, state.step)
    for name, mean in state.means.items():
        mean.update_parameters(state.networks[name])
    return loss, {name: float(part) for name, part in losses.parts.items()}


def _placed(network: Student | Teacher, device: str) -> Student | Teacher:
    """On the device, in the memory format that its convolutions like best."""
    form = _format_of_sections(device) if isinstance(network, Student) else torch.channels_last_3d
    return network.to(device, memory_format=form)


def _format_of_sections(device: str) -> torch.memory_format:
    """On a CPU, learning from few sections at once is up to a fifth faster without channels last."""
    return torch.contiguous_format if torch.device(device).type == "cpu" else torch.channels_last
