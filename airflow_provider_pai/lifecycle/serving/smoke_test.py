"""Sends the smoke test to a service, and says what is wrong with the answer."""

from __future__ import annotations

from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.serving.smoke_test import SmokeTest, response_problem


def run_smoke_test(services: Services, name: str, test: SmokeTest | None) -> str:
    """Return what is wrong with a service's answer; empty when nothing is.

    Without a test a request is sent, too, so that EAS's gateway routes to the service; any answer will do.

    Args:
        services: the services of the region.
        name: the service.
        test: the request, and what the answer must be; None for none.
    """
    try:
        answer = services.ask(name, test or SmokeTest())
    except TransportError as error:
        return f"the smoke test fails: {error}" if test else ""
    if test is None:
        if not answer.is_routed:
            services.log.warning("EAS's gateway does not route to service %s yet", name)
        return ""
    wrong = response_problem(test, answer)
    return f"the smoke test fails: {wrong}" if wrong else ""
