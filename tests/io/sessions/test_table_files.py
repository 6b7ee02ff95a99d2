import csv

import numpy as np
import pytest

from napari_emcad.io.sessions.table_files import write_table


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_no_spreadsheet_runs_a_cell(tmp_path, text):
    columns = {"note": np.array([text, "plain = 1"], object), "n": np.array([-1, 2])}
    with write_table(tmp_path / "a.csv", columns).open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["note", "n"], [f"'{text}", "-1"], ["plain = 1", "2"]]
