"""The plan of many merges and splits that are one edit."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.checks import segment_of_click
from napari_emcad.proofreading.plans.merges import plan_group
from napari_emcad.proofreading.plans.splits import plan_split
from napari_emcad.proofreading.state import State


def plan_fixes(
    state: State, contacts: Contacts, joins: Sequence[tuple[FragmentId, FragmentId]], cuts: Sequence[Proposal]
) -> Effect:
    """Join the segments of pairs of fragments, and make splits, in one edit.

    Segments that several joins chain together become one, which keeps the id of the largest.

    Raises
    ------
    Refused
        If there is nothing to do, a segment is locked, or one is in a split and in something else.
    """
    chains = _chains(state, joins)
    split = [segment_of_click(state, FragmentId(int(cut.near[0]))) for cut in cuts]
    if len(set(split)) < len(split) or set(split) & {segment for chain in chains for segment in chain}:
        raise Refused("safe fixes: a neuron would be split and changed in another way; make these one after the other.")
    effects = [_join(state, contacts, chain) for chain in chains]
    for place, cut in enumerate(cuts):
        effect = plan_split(state, contacts, cut)
        new = SegmentId(state.next_id + place)
        moves = tuple(replace(m, after=new) if m.after == state.next_id else m for m in effect.moves)
        effects.append(replace(effect, moves=moves))
    if not effects:
        raise Refused("safe fixes: nothing is ticked; tick what is to be made.")
    return Effect(
        moves=tuple(move for effect in effects for move in effect.moves),
        bridges=tuple(bridge for effect in effects for bridge in effect.bridges),
    )


def _join(state: State, contacts: Contacts, chain: list[SegmentId]) -> Effect:
    """Join segments to the largest of them."""
    members = [state.members(segment) for segment in chain]
    largest = int(np.argmax([state.sizes[some].sum() for some in members]))
    ends = [FragmentId(int(some[np.argmax(state.sizes[some])])) for some in members]
    anchor = ends.pop(largest)
    return plan_group(state, contacts, anchor, ends)


def _chains(state: State, joins: Sequence[tuple[FragmentId, FragmentId]]) -> list[list[SegmentId]]:
    """Return the segments that pairs of fragments chain together, each in one chain."""
    chains: dict[SegmentId, list[SegmentId]] = {}
    for pair in joins:
        one, other = (chains.setdefault(s, [s]) for s in (segment_of_click(state, f) for f in pair))
        if one is not other:
            one.extend(other)
            chains.update(dict.fromkeys(other, one))
    return [chain for segment, chain in chains.items() if segment == chain[0] and len(chain) > 1]
