"""Words of the command line, read or refused."""

import argparse
from typing import get_args

import pytest

from napari_emcad.cli.inputs import selection_of, size_of
from napari_emcad.cli.main import command_parser
from napari_emcad.cli.options import axis_names, feature_maps, ignored_id, length, number_reader, whole_number
from napari_emcad.core.choices import Export
from napari_emcad.io.sessions.export import EXPORTS


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (number_reader(0, 1), "0.25", 0.25),
        (number_reader(0, 1), "1", 1.0),
        (whole_number, "0", 0),
        (length, "4.5", 4.5),
        (axis_names, "zyxc", "zyxc"),
        (axis_names, "Z, Y, X", "zyx"),
        (ignored_id, "-1", -1),
        (ignored_id, "max", "max"),
        (feature_maps, "28,36", (28, 36)),
    ],
)
def test_what_is_read(read, text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (number_reader(0, 20), "20.1", "a number from 0 to 20 is needed, got 20.1"),
        (whole_number, "-1", "0 or more is needed, got -1"),
        (axis_names, "zxc", "a letter for each axis, y and x among them, is needed, got zxc"),
        (axis_names, "zyxx", "a letter for each axis, y and x among them, is needed, got zyxx"),
        (ignored_id, "all", "a whole number or max is needed, got all"),
        (length, "0", "a length above 0 nm is needed, got 0"),
        (length, "inf", "a length above 0 nm is needed, got inf"),
        (feature_maps, "28", "two numbers above 0 or more are needed, got 28"),
        (feature_maps, "28,0", "two numbers above 0 or more are needed, got 28,0"),
    ],
)
def test_what_is_refused(read, text, sentence):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        read(text)
    assert str(error.value) == sentence


def test_each_command_says_which_function_runs_it():
    needed = {"finetune": "--labels", "train-teacher": "--labels", "distill": "--teacher", "pretrain": "--student"}
    for words in (
        *(["segment", "a.tif"], ["resume", "a"], ["evaluate", "a", "b"], ["benchmark", "--dataset", "a"], ["models"]),
        *(
            ["session", "a", "-o", "b"],
            ["export", "a", "-o", "b"],
            ["log", "a"],
            ["proofread", "a"],
            ["copy", "a", "b"],
        ),
        *([command, option, "a", "-o", "b"] for command, option in needed.items()),
        *(
            ["copy", "a", "b"],
            ["replay", "a", "b"],
            ["train-optical", "--raw", "a", "--labels", "b", "-o", "c"],
            ["demo"],
        ),
    ):
        assert callable(command_parser().parse_args(words).command), words


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ("segment a.tif", [""]),
        ("inspect a.tif", [""]),
        ("session a.tif -o b", ["", "stack"]),
        ("evaluate a b", ["", "truth"]),
        ("finetune --labels a -o b", ["", "labels", "mask"]),
        ("train-teacher --labels a -o b", ["", "labels", "mask"]),
        ("distill --teacher a -o b", [""]),
        ("pretrain --student a -o b", [""]),
        ("train-optical --raw a --labels b -o c", ["", "labels"]),
    ],
)
def test_each_file_with_voxels_is_selected_in_by_options_of_its_own(words, files):
    for of in files:
        begin = f"--{of}-" if of else "--"
        chosen = [f"{begin}dataset", "raw", f"{begin}axes", "zyxc", f"{begin}channel", "1", f"{begin}time", "2"]
        options = command_parser().parse_args([*words.split(), *chosen])
        assert selection_of(options, of) == "raw[axes=zyxc,c=1,t=2]"
        assert all(selection_of(options, other) is None for other in files if other != of)


@pytest.mark.parametrize(
    "words",
    [
        *("segment a.tif", "inspect a.tif", "session a -o b", "export a -o b", "copy a b", "replay a b", "set a"),
        *("proofread a", "finetune --session a -o b", "distill --teacher a -o b"),
    ],
)
def test_each_command_that_needs_a_voxel_size_takes_one(words):
    options = command_parser().parse_args([*words.split(), "--voxel-size", "40", "4", "5"])
    assert size_of(options) == (40, 4, 5)


def test_each_export_that_can_be_chosen_can_be_written():
    assert tuple(EXPORTS) == get_args(Export)
