"""Libraries that not everybody installs."""

import sys
from importlib.util import find_spec
from types import ModuleType

from napari_emcad.core.errors import UserError

INSTALL = 'install it with: python -m pip install "napari-emcad[openvino]"'


def has_openvino() -> bool:
    """Whether it is installed; nothing is imported."""
    return find_spec("openvino") is not None


def openvino_module() -> ModuleType:
    """OpenVINO, imported so that it tells its makers nothing: it does without its telemetry where that is missing.

    Raises
    ------
    UserError
        Where it is not installed, with the command that does it.
    """
    if not has_openvino():
        raise UserError(f"device: OpenVINO is not installed; {INSTALL}, or choose auto or cpu.")
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
