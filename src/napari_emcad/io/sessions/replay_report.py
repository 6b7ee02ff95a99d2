"""The report on edits that were brought from another session: `replay.json` in the session that they came to."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.wording import count, first_few
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import LONGEST
from napari_emcad.io.regular_files import read_regular
from napari_emcad.io.sessions.file_names import REPLAY_REPORT
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.proofreading.replay.outcomes import Outcome, Replayed, summary

_OF_MERGED: Any = {"merged": True, "counts": True, "edits": {"__all__": {"user", "against", "wanted", "asked"}}}
"""Fields that only reports on merged sessions hold, so that earlier programs read the others."""

FORMAT_VERSION = 1
"""Version of the format that is written, and the only one that is read."""


class BroughtEdit(BaseModel):
    """One edit, see `proofreading.replay.Replayed`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: str = Field(title="Session", description="Folder of the session that the edit was made in.")
    seq: int = Field(ge=1, title="Edit", description="Its number there.")
    kind: str = Field(title="Kind")
    outcome: Outcome = Field(title="Outcome")
    why: str = Field("", title="Why")
    voxel: Voxel | None = Field(None, title="Place", description="Where to look, (z, y, x) in the session's fragments.")
    places: tuple[Voxel, ...] = Field((), title="Neurons", description="A voxel in each that it is about.")
    is_ticked: bool = Field(False, title="Ticked", description="Somebody has looked after it.")
    user: str = Field("", title="Person", description="Who made it; of sessions that were merged.")
    against: int = Field(0, ge=0, title="Against", description="The edit here that it contradicts; 0 = none.")
    wanted: str = Field("", title="Wanted", description="The effect that it would have had here.")
    asked: dict[str, Any] = Field(default_factory=dict, title="Asked", description="Its input, with what is here.")

    @property
    def needs_a_look(self) -> bool:
        """True if it is not in force here."""
        return self.outcome in ("conflict", "lost")

    @property
    def is_open(self) -> bool:
        """True if it needs a look that nobody has taken yet."""
        return self.needs_a_look and not self.is_ticked


class ReplayReport(BaseModel):
    """The last replay into a session, and what is open from those before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(FORMAT_VERSION, ge=FORMAT_VERSION, le=FORMAT_VERSION, title="Format")
    session: str = Field(title="Session", description="Folder that the edits came from.")
    total: int = Field(ge=0, title="Edits", description="In force there; fewer are listed if it was stopped.")
    damage: str = Field("", title="Damage", description="Why not all edits of that session could be read.")
    edits: tuple[BroughtEdit, ...] = Field((), title="What became of them")
    is_dismissed: bool = Field(False, title="Dismissed")
    merged: tuple[str, ...] = Field((), title="Sessions", description="Folders of those that were merged; else none.")
    counts: dict[str, int] = Field(default_factory=dict, title="Outcomes", description="Of all edits merged.")

    @classmethod
    def of(cls, old: OpenSession, found: Iterable[Replayed], before: Iterable[BroughtEdit] = ()) -> Self:
        """Report on the edits of a session that were replayed, and behind them on those of earlier replays."""
        folder = str(old.folder.absolute())
        edits = [BroughtEdit(session=folder, **vars(one)) for one in found]
        others = {(one.session, one.seq): one for one in before if one.session != folder}
        total = len(old.session.in_force)
        return cls(session=folder, total=total, damage=old.session.log.damage, edits=(*edits, *others.values()))

    @property
    def open(self) -> tuple[BroughtEdit, ...]:
        """The edits that somebody has to look at."""
        return () if self.is_dismissed else tuple(edit for edit in self.edits if edit.is_open)

    @property
    def replayed(self) -> int:
        """Number of the session's edits that were replayed before it ended or was stopped."""
        return sum(edit.session == self.session for edit in self.edits)

    @property
    def is_whole(self) -> bool:
        """True if nobody stopped it."""
        return bool(self.merged) or self.replayed >= self.total

    @property
    def names(self) -> str:
        """The session that the edits came from, or all that were merged, in words for people."""
        return first_few([Path(one).name for one in self.merged or (self.session,)])

    def line(self) -> str:
        """Return "23 edits: 15 already right, 5 applied again, 2 in conflict, 1 lost.", and where it was stopped."""
        if self.merged:
            made, same, waits = (self.counts.get(name, 0) for name in ("applied", "right", "conflict"))
            return f"{count(self.total, 'edit')}: {made} taken, {same} the same in both, {waits} to decide."
        stopped = f" Stopped after {self.replayed} of {count(self.total, 'edit')}; bring them again to go on."
        return f"{summary(self.edits)}.{'' if self.is_whole else stopped}"

    def ticked(self, place: int, is_ticked: bool) -> Self:
        """Return the report with the edit at this place in the list ticked off, or not."""
        edits = list(self.edits)
        edits[place] = edits[place].model_copy(update={"is_ticked": is_ticked})
        return self.model_copy(update={"edits": tuple(edits)})

    def dismissed(self) -> Self:
        """Return the report, to be shown no more."""
        return self.model_copy(update={"is_dismissed": True})


def write_report(folder: Path, report: ReplayReport) -> None:
    """Write the report into a session's folder, in place of an earlier one.

    Raises
    ------
    UserError
        If the disk is full or the folder may not be written to.
    """
    text = report.model_dump_json(indent=1, exclude=set() if report.merged else _OF_MERGED)
    with write_beside(Path(folder) / REPLAY_REPORT, lambda _: len(text)) as part:
        part.write_text(text, "utf-8")


def read_report(folder: Path) -> ReplayReport | None:
    """Read the report in a session's folder; None if no edits were brought to it.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    path = Path(folder) / REPLAY_REPORT
    try:
        return ReplayReport.model_validate_json(read_regular(path, LONGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise UserError(
            f"{path}: the report cannot be read; the edits are not touched by this, bring them again to see it."
        ) from error
