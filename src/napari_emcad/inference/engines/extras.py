"""Libraries that not everybody installs."""

import os
import sys
from importlib.util import find_spec
from types import ModuleType

from napari_emcad.core.errors import UserError


def has_openvino() -> bool:
    """Return True if OpenVINO is installed; nothing is imported."""
    return find_spec("openvino") is not None


def has_onnxruntime() -> bool:
    """Return True if ONNX Runtime is installed, and what exports networks to it; nothing is imported."""
    return all(find_spec(name) is not None for name in ("onnxruntime", "onnxscript"))


def import_openvino() -> ModuleType:
    """Import OpenVINO in silence: it reports nothing to its makers if its telemetry is missing.

    Raises
    ------
    UserError
        If it is not installed, with the command that installs it.
    """
    if not has_openvino():
        how = install_command("openvino")
        raise UserError(f"device: OpenVINO is not installed; {how}, or choose auto or cpu.")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None forbids the import
    import openvino

    return openvino


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime in silence: it reports nothing to its makers.

    On Linux it makes an id of the machine and a file of events as it is imported, unless the variable is set; older
    ones for Windows know the call alone.

    Raises
    ------
    UserError
        If it is not installed, with the command that does it.
    """
    if not has_onnxruntime():
        raise UserError(
            f"device: ONNX Runtime is not installed; {install_command('onnxruntime')}, or choose auto or cpu."
        )
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def install_command(extra: str) -> str:
    """Return how to install an extra of this package."""
    return f'install it with: python -m pip install "napari-emcad[{extra}]"'
