"""Submits a job as the operator does; run by :mod:`benchmarks.submit`."""

from __future__ import annotations

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.training.arguments import checked_spec
from airflow_provider_pai.model.training.ownership import JobOwner
from benchmarks.peers import answer, asked, now
from benchmarks.usage import forget_peak, usage


class Watched(PAIClient):
    """Tells when the create was answered, and how many requests to PAI came after it."""

    created = 0.0
    after = 0

    def _send_once(self, call: Call[T]) -> T:
        found = super()._send_once(call)
        if call.action == "CreateTrainingJob":
            self.created = now()
        elif self.created:
            self.after += 1
        return found


def main() -> None:
    """Answer how long it took, and what memory."""
    question = asked()
    ready = question["ready"]
    extra = {
        "region_id": ready["region_id"],
        "workspace_id": ready["workspace_id"],
        "endpoint": ready["api"],
        "oss_endpoint": ready["oss"],
        "bucket": ready["bucket"],
    }
    fields = ConnectionFields("benchmark", ready["access_key_id"], ready["access_key_secret"], extra)
    spec = checked_spec(question["job"])
    hook = PAITrainingHook("benchmark")
    hook.config = read_config(fields)
    hook.client = client = Watched(hook.config)
    forget_peak()
    before, begun = usage(), now()
    hook.submit_or_adopt(spec, JobOwner("benchmark", "dag", question["name"], "train"), question["name"])
    seconds, after = now() - begun, usage()
    answer(
        seconds=seconds,
        to_create_s=client.created - begun,
        after_create=client.after,
        cpu_s=after.cpu_s - before.cpu_s,
        peak_mib=after.peak_rss_mib,
        grown_mib=after.peak_rss_mib - before.rss_mib,
    )


if __name__ == "__main__":
    main()
