"""Submits a job as alipai does; run by :mod:`benchmarks.submit` in alipai's environment."""

from __future__ import annotations

from connection import connected
from pai.estimator import Estimator

from benchmarks.peers import answer, asked, now
from benchmarks.usage import forget_peak, usage


def main() -> None:
    """Answer how long it took, and what memory."""
    question = asked()
    # Told as to ours, so that it doesn't ask.
    connected(question["ready"])._oss_bucket_name = question["ready"]["bucket"]
    job = {**question["job"], "base_job_name": question["name"]}
    forget_peak()
    before, begun = usage(), now()
    Estimator(**job).fit(wait=False)
    seconds, after = now() - begun, usage()
    answer(
        seconds=seconds,
        cpu_s=after.cpu_s - before.cpu_s,
        peak_mib=after.peak_rss_mib,
        grown_mib=after.peak_rss_mib - before.rss_mib,
    )


if __name__ == "__main__":
    main()
