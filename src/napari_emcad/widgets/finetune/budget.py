"""The budget of a run, and the settings that a first run does not need."""

from typing import Unpack

from napari_emcad.training.params import Consistency, Mode, TrainingChoices, TrainingParameters
from napari_emcad.widgets.kit.signals import Signal

MINUTES = 2.0


class Budget:
    """The parameters of a run besides its mode.

    Attributes
    ----------
    values : TrainingParameters
        Mode and consistency in it are not used.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self.values = TrainingParameters(minutes=MINUTES)

    def change(self, **choices: Unpack[TrainingChoices]) -> None:
        """Change parameters, as a person does.

        Raises
        ------
        UserError
            If one is out of range.
        """
        values = TrainingParameters.of(**{**self.values.model_dump(), **choices})
        if values != self.values:
            self.values = values
            self.changed.emit()

    def parameters(self, mode: Mode, consistency: Consistency = "off") -> TrainingParameters:
        """Return the parameters of a run in a mode.

        Raises
        ------
        UserError
            If mode and consistency do not go together.
        """
        return TrainingParameters.of(**{**self.values.model_dump(), "mode": mode, "consistency": consistency})

    def extend(self, parameters: TrainingParameters, step: int, seconds: float) -> TrainingParameters:
        """Return the parameters of a run that is to train for this budget more, from where it is."""
        steps, minutes = self.values.steps, self.values.minutes
        return parameters.model_copy(
            update={
                "steps": None if steps is None else step + steps,
                "minutes": None if minutes is None else seconds / 60 + minutes,
            }
        )
