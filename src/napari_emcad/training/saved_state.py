"""What a run of training has learnt so far: kept on disk, and gone on with."""

import copy
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import write_beside
from napari_emcad.networks.student import Student
from napari_emcad.networks.teacher import Teacher
from napari_emcad.training.objective import OBJECTIVES, Objective
from napari_emcad.training.pairs import format_of_sections
from napari_emcad.training.params import TrainingParameters

HEAD = "head"
"""Name of the layer that makes grey levels, in pre-training."""

CONSISTENCY = 1.0
"""Weight of the consistency of views of unlabelled blocks, where it is asked for."""

DAMAGED = (OSError, EOFError, RuntimeError, UnpicklingError, LookupError, TypeError, ValueError, AttributeError)
"""What torch says of a file that holds something else."""


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
            If it cannot be written.
        """
        with write_beside(path, lambda _: self._bytes) as part:
            try:
                torch.save(self._content(), part)
            except RuntimeError as error:  # its writer's word for a full disk
                raise OSError(str(error)) from error

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote.

        Raises
        ------
        UserError
            If the file is damaged or of another run.
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

    @property
    def _bytes(self) -> int:
        """Size of the file, about: weights, their running means and the optimiser's two moments, fp32."""
        return 16 * sum(p.numel() for name in self.learning for p in self.networks[name].parameters())

    def _content(self) -> dict:
        return {
            "networks": {name: self.networks[name].state_dict() for name in self.learning},
            "means": {name: mean.state_dict() for name, mean in self.means.items()},
            "optimiser": self.optimiser.state_dict(),
            "rotation": self.rotation,
            "step": self.step,
            "seconds": self.seconds,
        }


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


def restoring_head(network: Student | Teacher) -> nn.Module:
    """From what a network says of a voxel to its grey level; thrown away after pre-training."""
    channels = network.config.embedding_channels if isinstance(network, Student) else network.config.outputs
    return nn.Conv3d(channels, 1, 1)


def _placed(network: Student | Teacher, device: str) -> Student | Teacher:
    """On the device, in the memory format that its convolutions like best."""
    form = format_of_sections(device) if isinstance(network, Student) else torch.channels_last_3d
    return network.to(device, memory_format=form)
