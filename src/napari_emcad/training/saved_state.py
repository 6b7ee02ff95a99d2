"""State of a training run: all that it has learnt so far, kept on disk so that it can go on."""

import copy
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, TypedDict, get_args

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import write_beside
from napari_emcad.networks.placing import placed
from napari_emcad.networks.student import Student
from napari_emcad.networks.teacher import Teacher
from napari_emcad.networks.weights_file import read_content
from napari_emcad.training.objective import OBJECTIVES, Objective
from napari_emcad.training.pairs import format_of_sections
from napari_emcad.training.params import TrainingParameters

Name = Literal["student", "teacher", "head"]
"""Names of the networks of a run; the head makes grey levels, in pre-training."""

NAMES: tuple[Name, ...] = get_args(Name)
"""All names, in the order of the optimiser's weights."""

CONSISTENCY = 1.0
"""Weight of the consistency of views of unlabelled blocks, if it is asked for."""

DAMAGED = (OSError, EOFError, RuntimeError, UnpicklingError, LookupError, TypeError, ValueError, AttributeError)
"""Errors of torch on a file that holds something else."""


class Networks(TypedDict, total=False):
    """Networks of a run, as far as its mode needs them."""

    student: Student
    teacher: Teacher
    head: nn.Conv3d


class TrainingState:
    """Everything a run needs to go on where it stopped: networks, running means, optimiser, step, time.

    Parameters
    ----------
    networks : Networks
        "student" and "teacher", as far as the mode needs them; trained in place.
    parameters : TrainingParameters
    device : str
        torch's name.
    """

    def __init__(self, networks: Networks, parameters: TrainingParameters, device: str = "cpu"):
        self.objective = objective_for(networks, parameters)
        self.device, self.consistency = device, parameters.consistency
        self.networks = networks.copy()
        if self.objective.restore:
            self.networks["head"] = restoring_head(networks)
        for name in self.names:
            is_student = name == "student"
            placed(self.networks[name], device, format_of_sections(device) if is_student else torch.channels_last_3d)
        self.learning = [name for name in self.names if name != "teacher" or self.objective.teacher_learns]
        average = get_ema_multi_avg_fn(parameters.ema)
        self.means = {n: AveragedModel(self.networks[n], multi_avg_fn=average, use_buffers=True) for n in self.learning}
        weights = [p for name in self.learning for p in self.networks[name].parameters()]
        self.optimiser = torch.optim.AdamW(weights, weight_decay=parameters.weight_decay)
        self.rotation: Tensor | None = None  # (e, e), of the teacher's embeddings; see `align`
        self.step, self.seconds = 0, 0.0

    @property
    def names(self) -> list[Name]:
        """Names of the networks there are, in the order of `NAMES`."""
        return [name for name in NAMES if name in self.networks]

    def save(self, path: Path) -> None:
        """Write beside, then rename: a killed run leaves the previous state.

        Raises
        ------
        UserError
            If it cannot be written.
        """
        with write_beside(path, lambda _: self._bytes) as part:
            try:
                with part.open("wb") as file:  # a name would be written to without Python hearing why it fails
                    torch.save(self._content(), file)
            except RuntimeError as error:
                raise OSError(str(error)) from error

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote.

        Raises
        ------
        UserError
            If the file is damaged or of another run.
        """
        try:
            saved: Any = read_content(path).value
            for name in self.learning:
                self.networks[name].load_state_dict(saved["networks"][name])
                self.means[name].load_state_dict(saved["means"][name])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step, self.seconds, rotation = int(saved["step"]), float(saved["seconds"]), saved["rotation"]
            self.rotation = None if rotation is None else rotation.to(self.device)
        except (UserError, *DAMAGED) as error:
            raise UserError(f"{path}: this is no state of such a run; move it away to start anew.") from error

    def averaged(self, name: Literal["student", "teacher"]) -> Student | Teacher:
        """Return a copy of a network with the running mean of its weights: what is kept of a run.

        It is on the CPU, in eval mode; a frozen teacher is copied as it is.
        """
        network = copy.deepcopy(self.networks[name])
        if name in self.means:
            network.load_state_dict(self.means[name].module.state_dict())
        return network.to("cpu").eval()

    def train_mode(self) -> None:
        """Put learning networks in training mode; a frozen teacher is not, and keeps its running means."""
        for name in self.names:
            self.networks[name].train(name in self.learning)

    def eval_mode(self) -> None:
        """Put all networks in eval mode."""
        for name in self.names:
            self.networks[name].eval()

    @property
    def _bytes(self) -> int:
        """Size of the file, about: weights, their running means and the optimiser's two moments, fp32."""
        return 16 * sum(p.numel() for name in self.learning for p in self.networks[name].parameters())

    def _content(self) -> dict[str, object]:
        return {
            "networks": {name: self.networks[name].state_dict() for name in self.learning},
            "means": {name: mean.state_dict() for name, mean in self.means.items()},
            "optimiser": self.optimiser.state_dict(),
            "rotation": self.rotation,
            "step": self.step,
            "seconds": self.seconds,
        }


def objective_for(networks: Networks, parameters: TrainingParameters) -> Objective:
    """Return the losses of the mode that these networks can have: grafting needs embeddings of one length."""
    objective = OBJECTIVES[parameters.mode].model_copy(update={"loss": parameters.loss})
    if parameters.consistency != "off":
        return objective.model_copy(update={"consistency": CONSISTENCY})
    if "teacher" not in networks or "student" not in networks or not objective.interaction:
        return objective
    teacher, student = networks["teacher"].config, networks["student"]
    if teacher.affinities or teacher.outputs != student.embedding_channels:
        return objective.model_copy(update={"interaction": 0.0})
    return objective


def restoring_head(networks: Networks) -> nn.Conv3d:
    """Return a layer from a network's outputs to grey levels; it is thrown away after pre-training."""
    if "student" in networks:
        return nn.Conv3d(networks["student"].embedding_channels, 1, 1)
    return nn.Conv3d(networks["teacher"].config.outputs, 1, 1)
