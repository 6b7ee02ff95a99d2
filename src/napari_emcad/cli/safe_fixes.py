"""The command safe-fixes: merges and splits that are nearly always right, listed or made."""

import argparse

from napari_emcad.cli.bar import tell
from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.review.safe_fixes import find_safe_fixes, make_safe_fixes, what_fixes_bring


def safe_fixes(options: argparse.Namespace) -> int:
    """List the safe fixes of a session, or make them in one edit."""
    precision = options.precision / 100
    if not 0 < precision <= 1:
        raise UserError(f"precision: above 0 and up to 100 percent is needed, got {options.precision:g}.")
    if options.alone:
        edit_alone(options.session)
    with open_session(options.session, to_read=not options.make) as opened:
        session = opened.session
        start = opened.facts.box_of(session.state.base.fragments.shape).start
        fixes = find_safe_fixes(session, precision)
        for fix in fixes:
            place = ",".join(str(v + a) for v, a in zip(fix.question.voxel, start, strict=True))
            tell(f"{place}  {fix.words}")
        tell(what_fixes_bring(fixes, precision, float(session.state.sizes[1:].sum())))
        if options.make and fixes:
            row = make_safe_fixes(session, fixes)
            tell(f"made as edit {row.seq}; one undo takes it back -> {options.session}")
    return 0
