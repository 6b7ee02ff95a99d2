"""The networks in the content of a checkpoint, however deep they lie and whatever stands before their names.

Training programs save `{"state_dict": {"model.module.inc.conv...": tensor}}` in many forms. Here every tensor gets its
full dotted name, and a prefix is a network's if what is left without it are the names of a known one. So wrappers need
no list, and other parts of the program (losses, optimisers) are told from it by their names. Strict below the prefix.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import first_few
from napari_emcad.networks.recognise import ANCHORS, claims_network, needed_shapes, recognise
from napari_emcad.networks.stand_ins import NumpyArray

_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module"})
"""Names that compiled, sharded and parallel modules put before those of their parts, at any depth."""

_AVERAGES = frozenset({"ema", "swa", "averaged"})
"""Words in the name of weights that are an average over training."""

_COUNTERS = frozenset({"n_averaged", "num_updates", "updates", "decay", "initted", "step"})
"""Numbers that averaging keeps beside weights."""

_BATCHES = "num_batches_tracked"
"""Counter of a normalisation, without effect on its output; old versions of torch and exports lack it."""

_STEPS = ("current_iter", "global_step", "iteration", "iter")
"""Keys of the number of training steps."""

_TOP = "top"
"""Name of a network whose keys stand in the file without any prefix."""

_DEEPEST = 8


@dataclass(frozen=True)
class SavedNetwork:
    """One network in a checkpoint.

    Attributes
    ----------
    weights : mapping of name to Tensor
        Finite, fp32 but for counters; names are those of the network's state dict.
    iteration : int or None
        Training steps, where the file says so.
    note : str
        What was chosen or converted, the end of a sentence; empty if nothing was.
    """

    weights: Mapping[str, Tensor]
    iteration: int | None
    note: str


@dataclass(frozen=True)
class _Part:
    """Tensors below one prefix, by the names that are left."""

    prefix: str
    weights: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        return self.prefix.removesuffix(".") or _TOP

    @property
    def is_average(self) -> bool:
        return not _AVERAGES.isdisjoint(self.name.lower().replace("_", ".").split("."))

    @property
    def is_whole(self) -> bool:
        shapes = needed_shapes(self.weights)
        return shapes == {name: tuple(tensor.shape) for name, tensor in self.weights.items()}


def choose_network(content: object, path: str | Path, part: str = "") -> SavedNetwork:
    """Return the network in the content of a checkpoint.

    Parameters
    ----------
    content : object
        See `weights_file.read_content`.
    path : str or Path
        The file, for errors.
    part : str, optional
        Name of the network to take, as the error about several of them lists it.

    Returns
    -------
    SavedNetwork
        The only one. Of weights and their average over training (EMA, SWA) it is the average, as the note says.

    Raises
    ------
    UserError
        If there are no weights, several networks, or tensors that are not finite floating-point numbers.
    """
    found = _found(content, path)
    if not found.tensors:
        raise _no_weights(content, path)
    parts = _parts(found.tensors, path)
    chosen, average_of = _choose([one for one in parts if one.is_whole] or parts, path, part)
    weights, stored = _as_single(chosen.weights, path)
    left_out = [] if part else [*_left_out(chosen, average_of, parts, found)]
    average = f"{chosen.name}, an average over training, is used" if average_of else ""
    notes = (average, f"{first_few(left_out)} left out" if left_out else "", stored)
    return SavedNetwork(weights, _iteration(content), ", ".join(filter(None, notes)))


@dataclass
class _Found:
    """Every tensor of a file by its full dotted name, and the full name of the dict that holds it."""

    tensors: dict[str, Tensor]
    holders: dict[str, str]


def _found(content: object, path: str | Path) -> _Found:
    """Return every tensor and array of a file; each container is looked into once."""
    found = _Found({}, {})
    seen: set[int] = set()
    rest: list[tuple[str, str, object, int]] = [("", "", content, 0)]
    while rest:
        name, holder, value, depth = rest.pop()
        tensor = _as_tensor(value)
        if tensor is not None and name:
            _add(found.tensors, name, tensor, path)
            found.holders[name] = holder
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen and depth < _DEEPEST:
            seen.add(id(value))
            dot = f"{name}." if name else ""
            items = [*(value.items() if isinstance(value, Mapping) else enumerate(value))]
            rest += [
                (f"{dot}{key}", dot, item, depth + 1) for key, item in reversed(items) if isinstance(key, str | int)
            ]
    return found


def _as_tensor(value: object) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, NumpyArray) or value.values is None:
        return None
    native = value.values.astype(value.values.dtype.newbyteorder("="))
    try:
        return torch.from_numpy(np.ascontiguousarray(native).reshape(native.shape))
    except TypeError:
        return None  # a type that torch lacks


def _parts(tensors: Mapping[str, Tensor], path: str | Path) -> list[_Part]:
    """Return the networks that a file claims to hold; without any, all that it holds."""
    prefixes = dict.fromkeys(prefix for name in tensors for prefix in _prefixes(name))
    owners: dict[str, dict[str, Tensor]] = {prefix: {} for prefix in prefixes}
    for name, tensor in tensors.items():
        owner = max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)
        if owner is not None:
            _add(owners[owner], _bare(name.removeprefix(owner)), tensor, path)
    parts = [_Part(prefix, _with_counters(weights)) for prefix, weights in owners.items() if claims_network(weights)]
    return _without_copies(parts) or [_everything(tensors)]


def _prefixes(name: str) -> Iterator[str]:
    """Yield what stands before the anchor of a network, if a name ends in one; wrappers inside do not count."""
    names = name.split(".")
    for anchor in ANCHORS:
        here = len(names)
        for needed in reversed(anchor.split(".")):
            here -= 1
            while here > 0 and names[here] != needed and names[here] in _WRAPPERS:
                here -= 1
            if here < 0 or names[here] != needed:
                break
        else:
            yield "".join(f"{part}." for part in names[:here])


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _add(weights: dict[str, Tensor], name: str, tensor: Tensor, path: str | Path) -> None:
    if name in weights:
        raise UserError(f"checkpoint: {path} holds two tensors for {name}; choose another file.")
    weights[name] = tensor


def _with_counters(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return weights with the counters that their network has: added if they alone are missing, others left out."""
    shapes = needed_shapes(weights) if claims_network(weights) else {}
    needed = [name for name in shapes if name.endswith(_BATCHES)]
    added = needed if shapes.keys() - weights.keys() == set(needed) else []
    kept = {name: tensor for name, tensor in weights.items() if name in shapes or not _is_counter(name, tensor)}
    return {**kept, **{name: torch.zeros((), dtype=torch.int64) for name in added}}


def _is_counter(name: str, tensor: Tensor) -> bool:
    return tensor.ndim == 0 and (name.endswith(_BATCHES) or name in _COUNTERS)


def _without_copies(parts: Sequence[_Part]) -> list[_Part]:
    """Return parts of which no two hold the same values."""
    kept: list[_Part] = []
    for part in parts:
        if not any(_equal(part.weights, other.weights) for other in kept):
            kept.append(part)
    return kept


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    if one.keys() != other.keys():
        return False
    pairs = [(tensor, other[name]) for name, tensor in one.items()]
    return all(_is_plain(a) and _is_plain(b) and a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def _everything(tensors: Mapping[str, Tensor]) -> _Part:
    """Return all tensors without the prefix that they share, for an error that names them."""
    firsts = [name.split(".") for name in tensors]
    shared = 0
    while all(len(names) > shared + 1 and names[shared] == firsts[0][shared] for names in firsts):
        shared += 1
    prefix = "".join(f"{part}." for part in firsts[0][:shared])
    return _Part(prefix, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()})


def _choose(parts: Sequence[_Part], path: str | Path, wanted: str) -> tuple[_Part, _Part | None]:
    """Return the part to take, and the one that it is the average of."""
    if wanted:
        return _named(parts, path, wanted), None
    averages = [part for part in parts if part.is_average]
    others = [part for part in parts if not part.is_average]
    if len(parts) == 1:
        return parts[0], None
    if len(averages) == len(others) == 1 and needed_shapes(parts[0].weights) == needed_shapes(parts[1].weights):
        return averages[0], others[0]
    raise UserError(
        f"checkpoint: one network is needed, {path} holds {_listed(parts, path)}; write one of them to a file of its "
        f"own, such as: napari-emcad models --show {path} --part {parts[0].name} -o NEW.pt."
    )


def _named(parts: Sequence[_Part], path: str | Path, wanted: str) -> _Part:
    for part in parts:
        if part.name == wanted:
            return part
    raise UserError(f'checkpoint: {path} holds no network "{wanted}", but {_listed(parts, path)}; name one of these.')


def _listed(parts: Sequence[_Part], path: str | Path) -> str:
    return ", ".join(f"{part.name} ({recognise(part.weights, path).name})" for part in parts)


def _left_out(chosen: _Part, average_of: _Part | None, parts: Sequence[_Part], found: _Found) -> list[str]:
    """Return the names of what else could be meant: the average's network, broken ones, modules in the same dict."""
    names = [average_of.name] if average_of else []
    names += [f"{part.name} (not whole)" for part in parts if part not in (chosen, average_of)]
    holder = next(found.holders[name] for name in found.holders if name.startswith(chosen.prefix))
    for name, tensor in found.tensors.items():
        module = name.removeprefix(holder).split(".")[0]
        is_beside = found.holders[name] == holder and not any(name.startswith(part.prefix) for part in parts)
        if is_beside and not _is_counter(name.rpartition(".")[2], tensor) and f"{holder}{module}" not in names:
            names.append(f"{holder}{module}")
    return names


def _as_single(weights: Mapping[str, Tensor], path: str | Path) -> tuple[Mapping[str, Tensor], str]:
    """Return weights in fp32, and what they were stored as, if in something else."""
    single = {name: _checked(name, tensor, path) for name, tensor in weights.items()}
    broken = first_not_finite(single)
    if broken:
        raise UserError(
            f"checkpoint: {broken} in {path} holds values that are not finite (its training diverged, "
            "or the file is damaged); choose another file."
        )
    stored = sorted({_kind(tensor) for tensor in weights.values() if tensor.is_floating_point()} - {"float32"})
    return single, f"stored as {' and '.join(stored)}" if stored else ""


def _checked(name: str, tensor: Tensor, path: str | Path) -> Tensor:
    """Return one tensor as the network takes it."""
    if not _is_plain(tensor):
        raise UserError(f"checkpoint: {name} in {path} is not a plain array of numbers; choose another file.")
    if tensor.is_floating_point():
        return tensor.float()
    if name.endswith(_BATCHES):
        return tensor
    raise UserError(
        f"checkpoint: {name} in {path} is stored as {_kind(tensor)}, floating-point numbers are needed; "
        "choose another file."
    )


def first_not_finite(weights: Mapping[str, Tensor]) -> str:
    """Return the name of the first tensor with NaN or infinity in it, or ""."""
    return next((name for name, tensor in weights.items() if not tensor.isfinite().all()), "")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _is_plain(tensor: Tensor) -> bool:
    """Return True if a tensor is dense, with memory of its own for every value.

    An expanded tensor of a few bytes can pose as a huge one.
    """
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _iteration(content: object) -> int | None:
    """Return the number of training steps that a file states."""
    if not isinstance(content, Mapping):
        return None
    stated = (content.get(key) for key in _STEPS)
    return next((step for step in stated if isinstance(step, int) and step >= 0), None)


def _no_weights(content: object, path: str | Path) -> UserError:
    if not isinstance(content, Mapping):
        return UserError(f"checkpoint: {path} holds a {type(content).__name__}; a state dict is needed.")
    return UserError(
        f'checkpoint: a state dict is needed in {path}, plain or under a name such as "model_weights", '
        f"it holds {first_few([str(key) for key in content]) or 'nothing'}; choose another file."
    )
