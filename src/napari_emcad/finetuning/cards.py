"""Cards of the networks that a training run makes: where they come from, what they learnt and how well."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_emcad import __version__
from napari_emcad.finetuning.events import ScoreEvent
from napari_emcad.finetuning.folder import TrainingOrder
from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import MODES


@dataclass(frozen=True)
class CardMaker:
    """Makes the cards of a run's networks.

    Attributes
    ----------
    order : TrainingOrder
    parents : mapping of str to ModelCard
        Cards of what "student" and "teacher" were before.
    data : str
        Names of the crops that are learnt from.
    device : str
        Its name.
    """

    order: TrainingOrder
    parents: Mapping[str, ModelCard]
    data: str
    device: str

    def product_card(
        self, name: str, steps: int, seconds: float, score: ScoreEvent | None, before: ScoreEvent | None
    ) -> ModelCard:
        """Return the card of the network that the run is for, with its scores as far as there are any.

        Parameters
        ----------
        name : "student" or "teacher"
        steps : int
        seconds : float
        score, before : ScoreEvent or None
            Of the network now, and before it was trained.
        """
        parent = self.parents[name]
        scores = {}
        for when, event in (("", score), (" before fine-tuning", before)):
            if event:
                scores[f"VOI on the held-out crops{when}"] = round(event["voi"], 4)
                scores[f"ARAND on the held-out crops{when}"] = round(event["arand"], 4)
        threshold = score["threshold"] if score else parent.threshold
        fields = {**self._history(name, steps, seconds), "scores": scores, "threshold": threshold}
        return parent.changed(**{**fields, **self.order.about})

    def teacher_card(self, steps: int, seconds: float) -> ModelCard:
        """Return the card of a teacher that learnt beside the student; nobody has scored it."""
        about = {name: value for name, value in self.order.about.items() if name != "title"}
        return self.parents["teacher"].changed(**{**self._history("teacher", steps, seconds), "scores": {}, **about})

    def _history(self, name: str, steps: int, seconds: float) -> dict[str, Any]:
        """Return the fields that say where a network comes from."""
        parent, parameters = self.parents[name], self.order.parameters
        return {
            "title": f"{parent.title or name}, trained further",
            "description": f"{MODES[parameters.mode]}; {steps} steps, {seconds:.0f} s "
            f"on {self.device}; {parameters.model_dump_json(exclude_none=True)}; napari-emcad {__version__}.",
            "data": f"{self.data}. Before: {parent.data}" if parent.data else self.data,
            "iteration": (parent.iteration or 0) + steps,
            "date": time.strftime("%Y-%m-%d"),
            "parent_sha256": parent.sha256,
        }
