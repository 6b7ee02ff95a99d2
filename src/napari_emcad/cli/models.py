"""The command that lists the models."""

import argparse
from pathlib import Path

from napari_emcad.cli.bar import tell
from napari_emcad.core.errors import UserError
from napari_emcad.networks.checkpoint import inspect
from napari_emcad.networks.zoo import available_models, resolve_model


def list_models(options: argparse.Namespace) -> int:
    """List the models, or show the card of one."""
    if options.show:
        tell(inspect(resolve_model(options.show)).model_dump_json(indent=2))
    else:
        for name, path in available_models().items():
            tell(f"{name}: {_summary(path)}")
    return 0


def _summary(path: Path) -> str:
    """Return a model's card in one line, or why it cannot be used: one broken file does not hide the others."""
    try:
        return inspect(path).summary()
    except UserError as error:
        return str(error)
