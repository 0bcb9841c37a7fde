"""Call the function that a task was decorated from, and report what it returns.

Reads ``pai_function.json`` beside it: ``module`` and ``function`` to call, ``args`` and ``kwargs``. Runs on Python 3.6
and newer, standard library only.
"""

import importlib
import json
import os
import sys
import traceback

import pai_report

HERE = os.path.dirname(os.path.abspath(__file__))
PROCESS = os.getpid()
"""The job's. One that the function forks off may come here, too, and has nothing to say about the job's end."""


def main() -> int:
    """Return the exit code of the job: 0, or 1 after the function raised."""
    if HERE not in sys.path:
        sys.path.insert(0, HERE)
    with open(os.path.join(HERE, "pai_function.json"), encoding="utf-8") as stream:
        call = json.load(stream)
    try:
        function = getattr(importlib.import_module(call["module"]), call["function"])
        value = function(*call["args"], **call["kwargs"])
    except SystemExit as error:
        # PAI need not say which exit code a command ended with.
        if isinstance(error.code, int) and error.code and os.getpid() == PROCESS:
            pai_report.exit_code(error.code & 255)
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # CancelledError is no Exception.
        return _fail(error)
    if os.getpid() != PROCESS:
        return 0
    try:
        pai_report.result(value)
    except ValueError as error:
        return _fail(TypeError("the function {} returned what can't travel: {}".format(call["function"], error)))
    return 0


def _fail(error: BaseException) -> int:
    """Report an exception without the lines of this file, which say nothing about the function."""
    steps = error.__traceback__
    while steps is not None and steps.tb_frame.f_code.co_filename == __file__:
        steps = steps.tb_next
    text = "".join(traceback.format_exception(type(error), error, steps))
    # The report comes first: what it says is lost where the program has closed its outputs.
    if os.getpid() == PROCESS:
        pai_report.failure(type(error).__name__, _message(error), text)
    sys.stderr.write(text)
    sys.stderr.flush()
    return 1


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return "(its text can't be made: {})".format(type(failure).__name__)


if __name__ == "__main__":
    sys.exit(main())
