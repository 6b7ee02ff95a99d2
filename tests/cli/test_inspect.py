"""The command that looks at the sections of a stack."""

import json
import re

import h5py
import numpy as np
import pytest
import tifffile
from drawings import neuropil
from pyramids import write_pyramid

from napari_emcad.cli import section_choice
from napari_emcad.cli.inspect import finding_line, finding_record
from napari_emcad.cli.main import main
from napari_emcad.core.sections import SectionFinding, Slip, SlipKind, Verdict
from napari_emcad.io.section_plans import plan_of_json, read_plan


@pytest.fixture(scope="module")
def raw():
    raw = neuropil((6, 192, 200), seed=2)
    raw[2] = 0
    raw[4] = raw[4] // 2 + 60
    return raw


def test_a_line_for_all_and_one_for_each_section_that_is_not_good(raw, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "raw.tif", raw, photometric="minisblack")
    assert main(["inspect", str(tmp_path / "raw.tif")]) == 0
    read, summary, blank, pale, plan = capsys.readouterr().out.splitlines()
    assert read == "raw.tif: 6 x 192 x 200 voxels, uint8, voxel size unknown (--voxel-size Z Y X, in nm)"
    assert summary == "6 sections: 2 blank; 4 pale"
    assert blank == "2: blank (one grey, 0, on 100 % of it)"
    assert plan == "by plan: section 2 is left out and bridged."
    assert re.fullmatch(r"4: pale \(contrast is \d\d % of the neighbours'\)", pale)


def test_the_lower_level_of_a_pyramid_is_looked_at(tmp_path, capsys, monkeypatch):
    read = []
    look = section_choice.inspect_levels
    monkeypatch.setattr(section_choice, "inspect_levels", lambda levels, _: read.append([*levels]) or look(levels))
    write_pyramid(tmp_path / "raw.zarr", np.zeros((2, 96, 104), np.uint8))
    assert main(["inspect", str(tmp_path / "raw.zarr")]) == 0
    assert main(["inspect", str(tmp_path / "raw.zarr"), "--dataset", "s0"]) == 0
    assert main(["inspect", str(tmp_path / "raw.zarr"), "--dataset", "s1"]) == 0
    shapes = [[level.shape for level in levels] for levels in read]
    assert shapes == [[(2, 96, 104), (2, 48, 52)], [(2, 96, 104), (2, 48, 52)], [(2, 48, 52)]]


def test_json_of_a_dataset(raw, tmp_path, capsys):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["a"], file["b"] = np.full_like(raw, 3), raw
    assert main(["inspect", str(tmp_path / "raw.h5"), "--dataset", "b", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    stack = {name: said["stack"][name] for name in ("dataset", "shape", "dtype", "voxel_size_nm", "notes")}
    assert stack == {"dataset": "b", "shape": [*raw.shape], "dtype": "uint8", "voxel_size_nm": None, "notes": []}
    assert said["summary"] == "6 sections: 2 blank; 4 pale"
    assert np.flatnonzero(plan_of_json(said["plan"], raw.shape).left_out).tolist() == [2]
    blank, pale = said["findings"]
    assert blank == {"section": 2, "verdict": "blank", "evidence": "one grey, 0, on 100 % of it"}
    assert (pale["section"], pale["verdict"]) == (4, "pale")


def test_axes_channel_and_time_point_are_chosen(raw, tmp_path, capsys):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["main"] = np.stack([np.stack([np.zeros_like(raw), raw], -1)] * 2)
    command = ["inspect", str(tmp_path / "raw.h5")]
    assert main(command) == 1
    assert "name them with --axes" in capsys.readouterr().err
    assert main([*command, "--axes", "tzyxc"]) == 1
    assert "choose one with --time 0 to 1." in capsys.readouterr().err
    assert main([*command, "--axes", "tzyxc", "--time", "1"]) == 1
    assert "choose one with --channel 0 to 1." in capsys.readouterr().err
    assert main([*command, "--axes", "t,z,y,x,c", "--time", "1", "--channel", "1"]) == 0
    read, summary, *_ = capsys.readouterr().out.splitlines()
    assert read.startswith("raw.h5, main[axes=tzyxc,c=1,t=1]: 6 x 192 x 200 voxels, from axes t, z, y, x, c, uint8")
    assert summary == "6 sections: 2 blank; 4 pale"


def test_a_voxel_size_that_is_given_and_what_was_guessed_are_said(raw, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "raw.tif", raw, photometric="minisblack", metadata={"axes": "TYX"})
    assert main(["inspect", str(tmp_path / "raw.tif"), "--voxel-size", "30", "4", "5", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["stack"]["voxel_size_nm"] == [30, 4, 5]
    assert "raw.tif: its 6 time points are taken for sections, as it has no axis z." in said.err


def test_the_plan_is_written_to_be_edited(raw, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "raw.tif", raw, photometric="minisblack")
    assert main(["inspect", str(tmp_path / "raw.tif"), "--plan", str(tmp_path / "plan.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"plan -> {tmp_path / 'plan.json'}; edit it")
    assert np.flatnonzero(read_plan(tmp_path / "plan.json", raw.shape).left_out).tolist() == [2]
    assert main(["inspect", str(tmp_path / "raw.tif"), "--plan", str(tmp_path / "none" / "plan.json")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_a_stack_that_is_not_there(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "none.tif")]) == 1
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (SectionFinding(3, Verdict.PALE, "contrast is 50 %"), "3: pale (contrast is 50 %)"),
        (
            SectionFinding(4, Verdict.SLIPPED, "+0, +24 px", Slip(SlipKind.JUMP, (0, 24), 20)),
            "4: slipped, jump (+0, +24 px)",
        ),
        (
            SectionFinding(4, Verdict.SLIPPED, "+0, +60 px", Slip(SlipKind.DRIFT, (0, 60), 20), last=24),
            "4-24: slipped, drift (+0, +60 px)",
        ),
    ],
)
def test_lines(finding, expected):
    assert finding_line(finding) == expected


def test_what_json_says_of_a_slip_and_a_part():
    slip = SectionFinding(4, Verdict.SLIPPED, "far", Slip(SlipKind.DRIFT, (0, 60), 20.04), last=24)
    assert finding_record(slip) == {
        "section": 4,
        "verdict": "slipped",
        "evidence": "far",
        "last": 24,
        "slip": "drift",
        "shift": (0, 60),
        "confidence": 20.0,
    }
    part = finding_record(SectionFinding(1, Verdict.PARTLY_MISSING, "", box=(0, 64, 0, 32)))
    assert part["box"] == (0, 64, 0, 32)
    assert finding_record(SectionFinding(1, Verdict.WRONG, "", cause="foreign"))["cause"] == "foreign"
