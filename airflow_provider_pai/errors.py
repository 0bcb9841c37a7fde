"""Everything this package raises on purpose.

::

    PAIError
    ├── SpecError (ValueError)   the author's arguments or connection; .problems lists every one of them
    ├── TransportError           no answer; .sent tells whether the request may have arrived
    ├── ProtocolError            an answer that can't be read
    ├── APIError                 the service said no: .status .code .message .request_id
    │   ├── AuthError            wrong, expired or insufficient credentials
    │   │   └── CredentialsError no credentials can be had; .check names the connection's fields
    │   ├── NotFoundError        no such thing
    │   ├── ConflictError        it exists already, or is in a state that forbids this
    │   ├── ThrottledError       too many requests; .retry_after in seconds, when the service said so
    │   └── ServerError          the service's own failure
    ├── ServiceError             a service did not become what was wanted: .snapshot
    └── JobError                 the job ended badly: .snapshot, .log_tail, .diagnosis
        ├── JobFailedError           it failed by itself; as such: PAI's own failure, or PAI does not say why
        │   ├── JobCommandError      the command failed: the author mends the code
        │   ├── JobDataError         what it reads or writes: the author mends data, source code or requirements
        │   ├── JobImageError        its image can't be pulled: the author gives another, or access to it
        │   ├── JobPermissionError   it may not do what it must: an administrator grants it
        │   ├── JobCapacityError     no quota or no machine: wait longer than usual
        │   └── JobInterruptedError  its machine was taken away: try again, as it is
        ├── JobStoppedError          a person stopped it: ask before starting it again
        └── JobTimeoutError          it did not end in time: give more time, or let it resume from checkpoints

What belongs here: error classes and how they read. What does not: Airflow's exceptions, and what a failure is
diagnosed by; the operator's edge maps both. This module imports nothing of the package.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pai.model.problem import Problem

_BODY_SHOWN = 256
_LINE_SHOWN = 500


class PAIError(Exception):
    """Base of all errors of this package. All of them can be pickled and copied, with their attributes."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with the message alone, which is not what the subclasses are built from.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class SpecError(PAIError, ValueError):
    """The author's arguments or connection cannot work; nothing was submitted or uploaded.

    Attributes:
        problems: every problem found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        if len(self.problems) == 1:
            text = str(self.problems[0])
        else:
            text = f"{len(self.problems)} problems:" + "".join(f"\n  - {p}" for p in self.problems)
        super().__init__(text)


class TransportError(PAIError):
    """No answer came back.

    Attributes:
        sent: True when the request may have reached the service, so that a call that isn't idempotent must
            not simply be repeated.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ProtocolError(PAIError):
    """An answer arrived that can't be read as the service's; the body is cut at 256 characters."""

    def __init__(self, message: str, body: str = "") -> None:
        shown = body if len(body) <= _BODY_SHOWN else body[:_BODY_SHOWN] + "..."
        super().__init__(f"{message}: {shown!r}" if shown else message)


class APIError(PAIError):
    """The service refused the request.

    Attributes:
        operation: the operation that was asked for, such as ``CreateTrainingJob``.
        status: HTTP status.
        code: the service's error code; empty when it sent none.
        message: the service's message, as it is safe to show.
        request_id: what Alibaba Cloud's support asks for; empty when the service sent none.
    """

    def __init__(self, operation: str, status: int, code: str, message: str, request_id: str = "") -> None:
        self.operation = operation
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        super().__init__(f"{self._summary()}{self._advice()}")

    def _summary(self) -> str:
        received = f"HTTP {self.status}, request id {self.request_id or 'none'}"
        return f"{self.operation} was refused: {self.code or 'no code'}: {self.message} ({received})"

    def _advice(self) -> str:
        return ""


class AuthError(APIError):
    """Wrong, expired or insufficient credentials."""

    def _advice(self) -> str:
        return (
            ". Check access_key_id, access_key_secret and security_token of the Airflow connection, "
            "and that the RAM user may use this workspace"
        )


class CredentialsError(AuthError):
    """Nothing to sign with: a role that doesn't exist or may not be assumed, a token file that isn't there.

    Attributes:
        check: the fields of the connection that may be wrong.
    """

    def __init__(
        self, operation: str, status: int, code: str, message: str, request_id: str = "", *, check: str
    ) -> None:
        self.check = check
        super().__init__(operation, status, code, message, request_id)

    def _summary(self) -> str:
        # Without a status no service was asked: what is needed for asking is missing here.
        return super()._summary() if self.status else f"{self.operation}: {self.message}"

    def _advice(self) -> str:
        return f". Check {self.check} of the Airflow connection"


class NotFoundError(APIError):
    """The thing asked for does not exist."""


class ConflictError(APIError):
    """The thing exists already, or is in a state that forbids the request."""


class ThrottledError(APIError):
    """Too many requests.

    Attributes:
        retry_after: seconds to wait, when the service said so, else None.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        code: str,
        message: str,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(operation, status, code, message, request_id)
        self.retry_after = retry_after


class ServerError(APIError):
    """The service's own failure."""


class ServiceError(PAIError):
    """A service did not get the wanted configuration; the message says why, what to do, and whether it was rolled back.

    Attributes:
        snapshot: the :class:`~airflow_provider_pai.model.serving.status.ServiceSnapshot` as it was last seen; None
            when there is none.
    """

    def __init__(self, message: str, snapshot: Any = None) -> None:
        self.snapshot = snapshot
        super().__init__(message)


class JobError(PAIError):
    """The training job ended badly.

    There is a class of its own for each end after which another person must act, or another attempt makes another
    sense; a retry rule can name them. :attr:`diagnosis` says more, and whether another attempt makes sense at all.

    Attributes:
        snapshot: the :class:`~airflow_provider_pai.model.training.status.JobSnapshot` as it was last seen.
        log_tail: its last log lines, oldest first; empty when they could not be read.
        diagnosis: the :class:`~airflow_provider_pai.model.training.diagnosis.Diagnosis`; None without one.
        result: what the job has reported as its result before it ended; None for nothing.
    """

    result: Any = None

    def __init__(self, message: str, snapshot: Any, log_tail: Sequence[str] = (), diagnosis: Any = None) -> None:
        self.snapshot = snapshot
        self.log_tail = tuple(log_tail)
        self.diagnosis = diagnosis
        super().__init__(message)


class JobFailedError(JobError):
    """The job failed by itself. As such: PAI's own failure, or one PAI does not explain; retrying may help."""


class JobCommandError(JobFailedError):
    """The command failed; the same code fails again, so retrying without a change rarely helps."""


class JobDataError(JobFailedError):
    """Data, source code, requirements or outputs could not be read or written; what is missing may still come."""


class JobImageError(JobFailedError):
    """The image could not be pulled; when there is no such image, retrying can't help."""


class JobPermissionError(JobFailedError):
    """The job may not do what it must; retrying can't help until it is granted."""


class JobCapacityError(JobFailedError):
    """There was no quota or no machine for the job; retrying helps once others have ended, so it should wait longer."""


class JobInterruptedError(JobFailedError):
    """The job's machine was taken away, a spot instance for instance; retrying helps at once."""


class JobStoppedError(JobError):
    """The job was stopped from outside; a retry would start what a person wanted to end."""


class JobTimeoutError(JobError):
    """The job did not end in the time it was given, by Airflow or by PAI; it was stopped."""


def shortened(line: str) -> str:
    """Return a line as it is shown: what a job or the service writes has any length."""
    return line if len(line) <= _LINE_SHOWN else line[:_LINE_SHOWN] + "..."
