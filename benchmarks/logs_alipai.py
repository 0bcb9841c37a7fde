"""Waits for a job as alipai does; run by :mod:`benchmarks.logs` in alipai's environment."""

from __future__ import annotations

import contextlib

from connection import connected
from pai.job import TrainingJob

from benchmarks.peers import answer, asked, now
from benchmarks.usage import forget_peak, usage


class Lines:
    """What is printed, with the moment of each line."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, str]] = []

    def write(self, text: str) -> int:
        """Take printed text; alipai prints a line, and then its end."""
        if text.strip():
            self.shown.append((now(), text))
        return len(text)

    def flush(self) -> None:
        """Keep nothing back."""


def main() -> None:
    """Answer what was shown when."""
    question = asked()
    connected(question["ready"])
    job = TrainingJob.get(question["job_id"])
    lines = Lines()
    forget_peak()
    before = usage()
    with contextlib.redirect_stdout(lines):
        job.wait()
    after, ended = usage(), now()
    peak = after.peak_rss_mib - before.rss_mib
    answer(shown=lines.shown, ended=ended, cpu_s=after.cpu_s - before.cpu_s, peak_mib=peak)


if __name__ == "__main__":
    main()
