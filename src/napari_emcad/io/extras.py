"""Libraries that few need: each comes with an extra, and is imported where it is used."""

from importlib import import_module
from types import ModuleType

from napari_emcad.core.errors import UserError


def import_extra(module: str, needed_by: str, extra: str, instead: str = "") -> ModuleType:
    """Import a module of an optional extra.

    Parameters
    ----------
    module : str
        Its full name.
    needed_by : str
        Beginning of the sentence if it is not there, up to the verb: "a.nrrd: NRRD needs".
    extra : str
        Name of the extra that brings it.
    instead : str
        End of that sentence: what else can be done.

    Raises
    ------
    UserError
        If it is not installed, or lacks a library of the system.
    """
    try:
        return import_module(module)
    except (ImportError, OSError) as error:
        raise UserError(
            f'{needed_by} an extra that is not installed; python -m pip install "napari-emcad[{extra}]"{instead}.'
        ) from error
