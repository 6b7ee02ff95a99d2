"""Jobs that write a session and open one."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.regular_files import await_path
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.io.stacks.stack import content_fingerprint
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of


@dataclass
class Opened:
    """A session that is open, and the boxes of its fragments, until somebody takes them."""

    session: OpenSession
    boxes: FragmentBoxes
    is_taken: bool = False

    def take(self) -> tuple[OpenSession, FragmentBoxes]:
        """Return both; whoever takes them closes the session."""
        self.is_taken = True
        return self.session, self.boxes

    def close(self) -> None:
        """Let others write to the session, unless it was taken."""
        if not self.is_taken:
            self.session.close()


def open_job(folder: Path) -> Job[Opened]:
    """Open a session, and find the boxes of its fragments."""
    yield Progress("opening the session", 0, 1)
    yield from await_path(folder)
    opened = open_session(folder)
    try:
        return Opened(opened, (yield from find_boxes(opened)))
    except BaseException:
        opened.close()
        raise


def write_job(
    folder: Path, segmentation: Segmentation, affinities: AffinityVolume | None, facts: SessionFacts
) -> Job[Path]:
    """Write a session and let go of it, as a result that nobody takes any more must not keep it locked."""
    yield Progress("writing the session", 0, 1)
    with create_session(folder, segmentation, affinities, facts) as opened:
        return opened.folder


def facts_of(result: Result) -> SessionFacts:
    """Return the facts of a new session on a result."""
    known = {name: value for name, value in result.provenance().items() if value is not None}
    with suppress(OSError, UserError):  # the stack's file may have gone
        known["fingerprint"] = content_fingerprint(volume_of(result.source))
    return SessionFacts.of(known, voxel_size_of(result.source))
