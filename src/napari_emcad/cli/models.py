"""The command that lists models, and writes one from whatever file it is in."""

import argparse
from pathlib import Path

from napari_emcad.cli.bar import tell
from napari_emcad.cli.inputs import check_model
from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_network, save_model
from napari_emcad.networks.zoo import available_models, resolve_model


def list_models(options: argparse.Namespace) -> int:
    """List the models, or show the card of one, after writing it to a file of its own if asked for."""
    if options.show:
        tell(_shown(options).model_dump_json(indent=2))
    elif options.part or options.output:
        raise UserError("models: --part and --output are about one file; name it with --show.")
    else:
        for name, path in available_models().items():
            tell(f"{name}: {_summary(path)}")
    return 0


def _shown(options: argparse.Namespace) -> ModelCard:
    path = resolve_model(options.show)
    if options.output is None:
        return inspect(path, options.part)
    check_model(options.output)
    network, card = load_network(path, options.part)
    return save_model(network, options.output, card)


def _summary(path: Path) -> str:
    """Return a model's card in one line, or why it cannot be used: one broken file does not hide the others."""
    try:
        return inspect(path).summary()
    except UserError as error:
        return str(error)
