"""Reasons why an edit is not made. Nothing has changed when one of these is raised."""

from napari_emcad.core.errors import UserError


class Refused(UserError):
    """An edit that cannot be made."""


class Doubtful(Refused):
    """An edit that can be made once it is confirmed."""
