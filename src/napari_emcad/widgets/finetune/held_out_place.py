"""The place of a held-out crop in the world, written down so that it is known without its stack."""

from collections.abc import Mapping, Sequence
from typing import Any

from napari.layers import Image

from napari_emcad.widgets.finetune.crop_places import PlannedCrop
from napari_emcad.widgets.kit.layers import AXES, place_of


def place_facts(crop: PlannedCrop) -> dict[str, Any]:
    """Return the facts that tell where a crop lies, also when its stack is not open any more."""
    stack = crop.place.stack
    place = place_of(stack, crop.box.start)
    return {
        "name": crop.place.name,
        "stack": stack.name,
        "scale": [float(n) for n in place["scale"]],
        "translate": [float(n) for n in place["translate"]],
        "units": [str(unit) for unit in place["units"]],
    }


def layer_place(facts: Mapping[str, Any], stacks: Sequence[Image]) -> dict[str, Any]:
    """Return keyword arguments that put a layer where a crop lies; turned like its stack if that is open.

    Parameters
    ----------
    facts : mapping
        See `place_facts`; empty if they are not known.
    stacks : sequence of Image
        The stacks that are open.
    """
    if not facts:
        return {"axis_labels": AXES}
    turned = next((place_of(stack) for stack in stacks if stack.name == facts["stack"]), {})
    return {**turned, "axis_labels": AXES, **{name: facts[name] for name in ("scale", "translate", "units")}}
