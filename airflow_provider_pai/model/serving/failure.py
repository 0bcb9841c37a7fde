"""Why a service does not come up, and what to do about it: read from its events, its output and EAS's diagnosis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_pai.errors import shortened
from airflow_provider_pai.model.serving.status import ServiceSnapshot
from airflow_provider_pai.model.training.exit_code import exit_code_in
from airflow_provider_pai.model.training.failure_reasons import EXIT_CODES
from airflow_provider_pai.model.training.log_cause import LogCause, find_cause

DEFAULT_ADVICE = "Look at the events and the output of the service above, or in PAI's console."
_LISTENING = re.compile(
    r"\b(?:running|listening|serving|starting|started|available|bound|up)\b[^\n]{0,60}?"
    r"(?:https?://|\bat |\bon |\baddr=)?(?P<host>\[[0-9a-f:]*\]|localhost|\d{1,3}(?:\.\d{1,3}){3}|\*)"
    r"(?::| port )(?P<port>\d{2,5})\b",
    re.IGNORECASE,
)
"""What web servers print when they are ready: uvicorn, gunicorn, Flask, http.server, waitress, tornado, vLLM."""
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[::1\]", re.IGNORECASE)
_BESIDE = re.compile(r"metric|prometheus|grpc|dashboard|tensorboard|debug|redis|database", re.IGNORECASE)
"""Of lines about another port than the one that answers predictions."""
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)(?:: .*|$)")
_CRASH = re.compile(r"restarting failed container|CrashLoopBackOff|ended \d+ times", re.IGNORECASE)
_UNREACHABLE = re.compile(r"connection refused|unhealthy|probe failed|did not answer", re.IGNORECASE)
_STATUS = re.compile(r"\b(?:statuscode:?|status|answers|HTTP) ([345]\d\d)\b")
_OF_JOBS = re.compile(r"\$PAI_|\binputs\b|instance_spec|hyperparameters|max_run_time|instance\b.*first")
"""Words of advice that only a training job can follow."""
_OTHER_PATH = (
    "Give health_check a path that the server answers with success, without a login; or fix what it answers there."
)
_SERVE = "Let the command start a server that stays in the foreground."
_FIX = "Fix the program, or what it reads from model_uri and source_dir; its last lines of output are above."


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


_STARTED = FailureDiagnosis()
_RESOURCES: tuple[tuple[re.Pattern[str], FailureDiagnosis], ...] = (
    (
        re.compile(r"arrear|NotEnoughBalance|InsufficientBalance|overdue payment", re.IGNORECASE),
        FailureDiagnosis(
            "the account is in arrears, or its balance is too low",
            "Let the account's owner settle the bills or top up the balance; then clear the task.",
        ),
    ),
    (
        re.compile(r"quota\b.*exceed|exceed\w*\b.*\bquota|QuotaExceeded", re.IGNORECASE),
        FailureDiagnosis(
            "the quota for its instances is used up",
            "Ask for more quota, choose another instance_type, or fewer instances.",
        ),
    ),
    (
        re.compile(r"FailedScheduling|Insufficient|WithoutStock|NoStock"),
        FailureDiagnosis(
            "there is no machine for its instances",
            "Try again later, choose another instance_type, or fewer instances.",
        ),
    ),
)
_IMAGES: tuple[tuple[re.Pattern[str], FailureDiagnosis], ...] = (
    (
        re.compile(r"unauthorized|denied|no basic auth credentials|authorization failed", re.IGNORECASE),
        FailureDiagnosis(
            "its image can't be pulled: its registry refuses EAS",
            "Check that EAS may pull image_uri (dockerAuth in extra_config), and that it is spelled right.",
        ),
    ),
    (
        re.compile(r"manifest unknown|not found|no such image|does not exist", re.IGNORECASE),
        FailureDiagnosis(
            "its image can't be pulled: there is no such image",
            "Check the registry, the name and the tag of image_uri.",
        ),
    ),
    (
        re.compile(r"no such host|timeout|timed out|refused|x509|unreachable", re.IGNORECASE),
        FailureDiagnosis(
            "its image can't be pulled: its registry can't be reached",
            "Check the registry of image_uri; take one of this region, or give user_vpc_config.",
        ),
    ),
)


def diagnose(details: ServiceFailureDetails, port: int) -> FailureDiagnosis:
    """Return why a service does not come up, as far as it is known.

    Args:
        details: what EAS says of it.
        port: the port that EAS reaches its instances at; 0 when EAS's own program serves the model.
    """
    warnings = "\n".join(details.warnings)
    if re.search(r"OOMKill|(?<!CUDA )out of memory|exit code 137\b", warnings, re.IGNORECASE):
        return FailureDiagnosis(
            "an instance needs more memory than it has",
            "Choose an instance_type, or memory, with more; or load a smaller model.",
        )
    # The last warning that tells of a stage tells how far its instances came; what they overcame before is no cause.
    judges = (_judge_start, _judge_resources, _judge_preparation)
    found = next(
        (found for line in reversed(details.warnings) for judge in judges if (found := judge(line, warnings))), None
    )
    if found and found is not _STARTED:
        return found
    address = _diagnose_address(details.output, port) if port else None
    crashed = [line for line in details.warnings if _CRASH.search(line)]
    program = _diagnose_program(details.output)
    if crashed:
        found = program or _diagnose_exit_code(crashed[-1]) or address
    else:
        found = address or program or (_diagnose_probe(details.warnings, port) if port else None)
    if found:
        return found
    if crashed:
        return FailureDiagnosis("its program ends again and again, and prints no error", _FIX)
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


def _judge_start(line: str, _: str) -> FailureDiagnosis | None:
    return _STARTED if _CRASH.search(line) or _UNREACHABLE.search(line) else None


def _judge_resources(line: str, _: str) -> FailureDiagnosis | None:
    return _first(_RESOURCES, line)


def _judge_preparation(line: str, warnings: str) -> FailureDiagnosis | None:
    if re.search(r"ImagePull|ErrImage|image can't be pulled|pull(?:ing)? image|image\b.*can't be pulled", line):
        return _diagnose_image(warnings)
    if "FailedMount" in line:
        return FailureDiagnosis(
            "its model or its code can't be mounted",
            "Check model_uri and source_dir, and that EAS may read the bucket.",
        )
    if "PrepareFailed" in line:
        # Local PAI joins pip's last lines so.
        if found := find_cause(line.partition("PrepareFailed: ")[2].split(" | ")):
            return FailureDiagnosis(f"its requirements can't be installed: {found.cause}", _advice(found))
        return FailureDiagnosis("its requirements can't be installed", "Check requirements and requirements.txt.")
    return None


def _diagnose_image(warnings: str) -> FailureDiagnosis:
    return _first(_IMAGES, warnings) or FailureDiagnosis(
        "its image can't be pulled",
        "Check that image_uri exists in this region and that EAS may pull it (dockerAuth in extra_config).",
    )


def _first(rows: Iterable[tuple[re.Pattern[str], FailureDiagnosis]], text: str) -> FailureDiagnosis | None:
    """Return the diagnosis of the first pattern that a text has."""
    return next((diagnosis for pattern, diagnosis in rows if pattern.search(text)), None)


def _diagnose_address(output: Sequence[str], port: int) -> FailureDiagnosis | None:
    """Return what is wrong with the address that the server itself says it listens on."""
    found = [match for line in output if not _BESIDE.search(line) for match in _LISTENING.finditer(line)]
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


def _diagnose_program(output: Sequence[str]) -> FailureDiagnosis | None:
    """Return what the program itself says of its end, or of what keeps it from being ready."""
    lines = [line for line in output if not line.startswith("[instance ended with exit code")]
    if found := find_cause(lines):
        return FailureDiagnosis(found.cause.replace("Python ended with", "its program fails with"), _advice(found))
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if _EXCEPTION.fullmatch(last):
        return FailureDiagnosis(f"its program fails with {shortened(last)}", _FIX)
    return None


def _advice(found: LogCause) -> str:
    return _FIX if found.hint is None or _OF_JOBS.search(found.advice) else found.advice


def _diagnose_exit_code(warning: str) -> FailureDiagnosis | None:
    code = exit_code_in(warning)
    if code is None:
        return (
            FailureDiagnosis("its program ends without an error", _SERVE)
            if re.search(r"exit(?:ed)? (?:with )?code:? 0\b", warning)
            else None
        )
    reason = EXIT_CODES.get(code)
    if reason is None:
        return FailureDiagnosis(f"its program ends with exit code {code}", _FIX)
    cause = reason.cause.replace("The command", "its program")
    return FailureDiagnosis(f"{cause} (exit code {code})", _FIX if _OF_JOBS.search(reason.advice) else reason.advice)


def _diagnose_probe(warnings: Sequence[str], port: int) -> FailureDiagnosis | None:
    """Return what EAS's looks at the instances tell."""
    unreachable = [line for line in warnings if _UNREACHABLE.search(line)]
    if not unreachable:
        return None
    last = unreachable[-1]
    if status := _STATUS.search(last):
        advice = "Fix what the server answers there; its last lines of output are above."
        if status[1] in ("401", "403", "404", "405"):
            advice = _OTHER_PATH
        return FailureDiagnosis(f"its health check at port {port} gets HTTP {status[1]}", advice)
    if "health check" in last and "does not succeed" in last:
        return FailureDiagnosis(
            f"its server listens, but its health check does not succeed ({shortened(last)})", _OTHER_PATH
        )
    advice = _listen_on(port)
    if "listens on" not in last:
        advice += " While it still loads, it needs more time: startup_timeout, and health_check if given."
    return FailureDiagnosis(f"EAS gets no answer at port {port} of its instances ({shortened(last)})", advice)
