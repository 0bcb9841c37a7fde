"""Shell lines that run a command where it has process ids of its own, and give what it runs time to end."""

from __future__ import annotations

LINGER = """
code=$?
if [ $code -eq 143 ]; then
    looks=600
    while kill -s 0 -- -1 && [ $((looks -= 1)) -gt 0 ]; do sleep 0.1; done
fi
exit $code
"""
"""What comes behind the command.

A shell that is asked to end does not wait for the training script it runs, and with its end all process ids would end,
too. But a script may save a checkpoint then. A minute at most; who asked has less patience.
"""
