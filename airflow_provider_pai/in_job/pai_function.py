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
        if isinstance(error.code, int) and error.code:
            pai_report.exit_code(error.code & 255)
        raise
    except Exception as error:
        return _fail(error)
    try:
        pai_report.result(value)
    except ValueError as error:
        return _fail(TypeError("the function {} returned what can't travel: {}".format(call["function"], error)))
    return 0


def _fail(error: Exception) -> int:
    """Report an exception without the lines of this file, which say nothing about the function."""
    steps = error.__traceback__
    while steps is not None and steps.tb_frame.f_code.co_filename == __file__:
        steps = steps.tb_next
    text = "".join(traceback.format_exception(type(error), error, steps))
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()
    pai_report.failure(type(error).__name__, str(error), text)
    return 1


if __name__ == "__main__":
    sys.exit(main())
