"""The check of a session's tables that are too large to be checked when it is opened, while it is proofread."""

from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.sessions.segmentation_files import check_graph, is_graph_checked_late
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.sessions import Sessions
from napari_emcad.widgets.kit.jobs import Ended, Jobs


class LateCheck:
    """Reads the tables of the session on screen once, in a thread; where they are damaged no more edits are taken."""

    def __init__(self, jobs: Jobs, message: Message, sessions: Sessions):
        self._jobs, self._message, self._sessions = jobs, message, sessions
        sessions.began.connect(self._on_began)
        sessions.ending.connect(jobs.stop)

    def close(self) -> None:
        """Check nothing any more."""
        self._sessions.began.disconnect(self._on_began)
        self._sessions.ending.disconnect(self._jobs.stop)
        self._jobs.close()

    def _on_began(self) -> None:
        current = self._sessions.current
        if current is not None and is_graph_checked_late(current.opened.folder):
            opened = current.opened
            self._jobs.start(check_graph(opened.folder), lambda ended: self._on_ended(opened, ended))

    def _on_ended(self, opened: OpenSession, ended: Ended) -> None:
        if ended.error is not None:
            opened.session.log.end_writing(str(ended.error))
            self._message.error(ended.error)
