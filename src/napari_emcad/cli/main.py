"""The command line: a thin shell over the pipeline and the sessions.

Each command's options stand in a light module, so that help costs little; the code behind a command is imported when it
is run. Exit codes: 0 done, 1 failed with one sentence on standard error, below the traceback if it is a defect of ours,
2 wrong use; demo and proofread end with that of their window.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from napari_emcad import __version__
from napari_emcad.cli.model_options import (
    add_benchmark_command,
    add_demo_command,
    add_evaluate_command,
    add_models_command,
)
from napari_emcad.cli.section_options import add_inspect_command
from napari_emcad.cli.segment_options import add_resume_command, add_segment_command
from napari_emcad.cli.session_options import add_session_commands
from napari_emcad.cli.training_options import add_optical_command, add_training_commands
from napari_emcad.core.defects import defect_text, traceback_text, why_no_defect
from napari_emcad.core.errors import UserError
from napari_emcad.io.write_errors import error_of_disk, explain_write


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    try:
        options = command_parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except UserError as error:
        return _fail(str(error))
    except BrokenPipeError:  # who listened has heard enough
        _say_no_more()
        return 1
    except Exception as error:  # noqa: BLE001 - the last net: a defect keeps its traceback
        said = error_of_disk(error)
        if said is not None and said.filename is None:  # of what is printed
            _say_no_more()
            return _fail(str(explain_write(said, Path("output"), kept="what is finished is kept")))
        if words := why_no_defect(error):
            return _fail(words)
        sys.stderr.write(traceback_text(error))
        return _fail(defect_text(error, "copy the lines above"))
    except KeyboardInterrupt:
        return _fail("stopped: nothing was written.")


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `command` to the function that runs it."""
    parser = argparse.ArgumentParser(prog="napari-emcad", description="EM stacks or optical volumes -> neurons.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_segment_command(commands)
    add_resume_command(commands)
    add_inspect_command(commands)
    add_evaluate_command(commands)
    add_benchmark_command(commands)
    add_models_command(commands)
    add_session_commands(commands)
    add_training_commands(commands)
    add_optical_command(commands)
    add_demo_command(commands)
    return parser


def _say_no_more() -> None:
    """Let what is left to be printed go nowhere: Python would try once more at its end, and fail with a traceback."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str) -> int:
    sys.stderr.write(f"napari-emcad: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
