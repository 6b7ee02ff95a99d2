"""The words of a report."""

import numpy as np
import pytest

from napari_emcad.core.sections import SectionFinding, SectionReport, Slip, SlipKind, Verdict
from napari_emcad.core.sections.report import ranges_text


def report(*findings, depth=100, bare=0):
    no_tissue = np.zeros((depth, 10, 10), bool)
    no_tissue[:, :bare] = True
    return SectionReport((depth, 320, 320), findings, no_tissue, np.zeros_like(no_tissue), 32)


def slip(z, kind, shift, last=None):
    return SectionFinding(z, Verdict.SLIPPED, "", Slip(kind, shift, 20), last=last)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (report(), "100 sections: all good"),
        (report(depth=1), "1 section: all good"),
        (
            report(
                SectionFinding(17, Verdict.BLANK, ""),
                slip(40, SlipKind.JUMP, (0, 24)),
                SectionFinding(63, Verdict.BLANK, ""),
            ),
            "100 sections: 17, 63 blank; slip of 24 px at 40",
        ),
        (report(SectionFinding(3, Verdict.PALE, ""), bare=3), "100 sections: 3 pale; 30 % without tissue"),
        (report(slip(5, SlipKind.SINGLE, (6, -8))), "100 sections: 5 shifted by 10 px"),
        (report(slip(5, SlipKind.DRIFT, (0, 60), last=25)), "100 sections: drift of 60 px from 5 to 25"),
        (report(slip(5, SlipKind.BREAK, (0, 0))), "100 sections: break at 5"),
    ],
)
def test_one_line_says_it_all(found, expected):
    assert found.summary == expected


def test_blank_sections_are_not_counted_as_without_tissue():
    found = report(SectionFinding(0, Verdict.BLANK, ""), depth=2)
    found.no_tissue[0] = True
    assert found.bare_share == 0
    assert report(*(SectionFinding(z, Verdict.BLANK, "") for z in (0, 1)), depth=2).bare_share == 1


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ([], ""),
        ([4], "4"),
        ([1, 2, 3, 7], "1-3, 7"),
        ([*range(0, 40, 2), 41], "0, 2, 4, 6, 8, 10, 12, 14 and 13 more"),
    ],
)
def test_ranges(sections, expected):
    assert ranges_text(sections) == expected


def test_a_section_may_have_several_findings():
    found = report(SectionFinding(3, Verdict.PALE, "a"), SectionFinding(3, Verdict.NOISY, "b"))
    assert found.verdict(3) is Verdict.PALE
    assert [one.evidence for one in found.of_section(3)] == ["a", "b"]
    assert found.verdict(4) is Verdict.GOOD
    assert found.sections(Verdict.NOISY) == [3]
