"""The outcome of a run as it is put to a person, who keeps it, discards it or goes on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from napari_emcad.finetuning.record import Outcome, Record
from napari_emcad.networks import zoo
from napari_emcad.widgets.finetune.crop_places import free_name
from napari_emcad.widgets.finetune.runs import RunFolder

NOT_BETTER = "There is no network here that is better than the one before."


@dataclass(frozen=True)
class Decision:
    """The outcome of a run, and what can be done with it.

    Attributes
    ----------
    sentence : str
    why_not_keep : str
        The reason why the new network cannot be kept; empty if it can.
    crops : tuple of str
        Names of the held-out crops that can be looked at.
    name : str
        The name proposed for the new model; empty if it cannot be kept.
    model : Path or None
        The new model, once it has been kept.
    """

    sentence: str
    why_not_keep: str = ""
    crops: tuple[str, ...] = ()
    name: str = ""
    model: Path | None = None

    @classmethod
    def of(cls, run: RunFolder, record: Record) -> Self:
        """Return the decision on a run that nobody works on now."""
        outcome = Outcome.of(record, run.folder)
        crops = tuple(run.facts_of(i).get("name", f"crop {i}") for i in range(run.crops_scored))
        if not outcome.can_keep:
            return cls(outcome.sentence, NOT_BETTER, crops)
        return cls(outcome.sentence, "", crops, proposed_name(run))

    @property
    def words(self) -> str:
        """The sentence, and where the new network can be kept."""
        return self.sentence if self.why_not_keep else f'{self.sentence} Press "Keep" under Fine-tune to use it.'

    @property
    def is_open(self) -> bool:
        """True until the new model has been kept."""
        return self.model is None

    def kept_as(self, model: Path) -> Self:
        """Return the decision once it is made."""
        return replace(self, sentence=f'{self.sentence} Kept as "{model.stem}".', model=model)


def proposed_name(run: RunFolder) -> str:
    """Return a name for the new model that is not taken: that of its parent and of the stack."""
    order = run.order
    parent, stack = order.student or order.teacher, run.facts_of(0).get("stack", "")
    words = f"{parent.stem if parent else 'model'} {stack}".strip()
    return free_name("".join(c if c.isalnum() or c in "-_ ." else "_" for c in words), zoo.available_models())
