"""Why a service does not come up, and what to do about it: read from its events, its output and EAS's diagnosis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_pai.errors import shortened
from airflow_provider_pai.model.serving.status import ServiceSnapshot

DEFAULT_ADVICE = "Look at the events and the output of the service above, or in PAI's console."
_LISTENING = re.compile(
    r"\b(?:running|listening|serving|starting|started|available|bound|up)\b[^\n]{0,60}?"
    r"(?:https?://|\bat |\bon |\baddr=)?(?P<host>\[[0-9a-f:]*\]|localhost|\d{1,3}(?:\.\d{1,3}){3}|\*)"
    r"(?::| port )(?P<port>\d{2,5})\b",
    re.IGNORECASE,
)
"""What web servers print when they are ready: uvicorn, gunicorn, Flask, http.server, waitress, tornado, vLLM."""
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[::1\]", re.IGNORECASE)
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b(?::.*)?")
_UNREACHABLE = re.compile(r"connection refused|unhealthy|probe failed|did not answer", re.IGNORECASE)


@dataclass(frozen=True)
class ServiceFailureDetails:
    """What EAS says of a service that has failed; what could not be read is empty.

    Attributes:
        warnings: its warnings, the oldest first.
        output: the last lines of its output.
        diagnosis: EAS's own diagnosis, as one text.
    """

    warnings: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    diagnosis: str = ""

    def lines(self) -> Iterator[str]:
        """Yield all of it, for the task's log."""
        for title, lines in (
            ("Events", self.warnings),
            ("Last lines of output", self.output),
            ("EAS's diagnosis", self.diagnosis.splitlines()),
        ):
            if lines:
                yield f"{title}:"
                yield from (f"  {shortened(line)}" for line in lines)


@dataclass(frozen=True)
class FailureDiagnosis:
    """Why a service does not come up.

    Attributes:
        cause: a clause that follows a colon; empty when nothing tells it.
        advice: what to do, a sentence.
    """

    cause: str = ""
    advice: str = DEFAULT_ADVICE


def diagnose(details: ServiceFailureDetails, port: int) -> FailureDiagnosis:
    """Return why a service does not come up, as far as it is known.

    Args:
        details: what EAS says of it.
        port: the port that EAS reaches its instances at; 0 when EAS's own program serves the model.
    """
    warnings = "\n".join(details.warnings)
    for judge in (_diagnose_resources, _diagnose_preparation):
        if found := judge(warnings):
            return found
    if port and (found := _diagnose_address(details.output, port)):
        return found
    if found := _diagnose_exception(details.output):
        return found
    unreachable = [line for line in details.warnings if _UNREACHABLE.search(line)]
    if port and unreachable:
        cause = f"EAS gets no answer at port {port} of its instances ({shortened(unreachable[-1])})"
        return FailureDiagnosis(cause, _listen_on(port))
    if details.diagnosis:
        return FailureDiagnosis(f"EAS says: {shortened(details.diagnosis.splitlines()[0])}")
    return FailureDiagnosis()


def readiness(service: ServiceSnapshot | None) -> str:
    """Return how a service is, as a clause after "it"."""
    if service is None:
        return "can't be read"
    instances = f", {service.running_instances} of {service.total_instances} instances ready"
    why = f" ({service.why})" if service.why else ""
    return f"is {service.status}{instances if service.total_instances else ''}{why}"


def _diagnose_resources(warnings: str) -> FailureDiagnosis | None:
    if re.search(r"OOMKilled|out of memory", warnings, re.IGNORECASE):
        return FailureDiagnosis(
            "an instance needs more memory than it has",
            "Choose an instance_type, or memory, with more; or load a smaller model.",
        )
    if re.search(r"FailedScheduling|Insufficient|WithoutStock|NoStock", warnings):
        return FailureDiagnosis(
            "there is no machine for its instances",
            "Try again later, choose another instance_type, or fewer instances.",
        )
    return None


def _diagnose_preparation(warnings: str) -> FailureDiagnosis | None:
    if re.search(r"ImagePullBackOff|ErrImagePull|can't be pulled", warnings):
        return FailureDiagnosis(
            "its image can't be pulled",
            "Check that image_uri exists in this region and that EAS may pull it (dockerAuth in extra_config).",
        )
    if "FailedMount" in warnings:
        return FailureDiagnosis(
            "its model or its code can't be mounted",
            "Check model_uri and source_dir, and that EAS may read the bucket.",
        )
    if "PrepareFailed" in warnings:
        return FailureDiagnosis("its requirements can't be installed", "Check requirements and requirements.txt.")
    return None


def _diagnose_address(output: Sequence[str], port: int) -> FailureDiagnosis | None:
    """Return what is wrong with the address that the server itself says it listens on."""
    found = [match for line in output for match in _LISTENING.finditer(line)]
    if not found or any(int(each["port"]) == port and not _LOOPBACK.fullmatch(each["host"]) for each in found):
        return None
    host, other = found[-1]["host"], int(found[-1]["port"])
    if other != port:
        return FailureDiagnosis(
            f"its server listens on port {other}, but the port of the service is {port}",
            f"Give port={other}, or let the server listen on port {port}.",
        )
    return FailureDiagnosis(f"its server listens on {host} only, where EAS does not reach it", _listen_on(port))


def _listen_on(port: int) -> str:
    return f"Let the server listen on 0.0.0.0, port {port}; or give the port that it listens on as port."


def _diagnose_exception(output: Sequence[str]) -> FailureDiagnosis | None:
    for line in reversed(output):
        if _EXCEPTION.fullmatch(line.strip()):
            advice = "Fix the program; its last lines of output are above."
            if "ModuleNotFoundError" in line:
                advice = "Add the module to requirements, or choose an image that has it."
            return FailureDiagnosis(f"its program fails with {shortened(line.strip())}", advice)
    return None
