"""Which operation a request is, and what of it no operation reads.

Its selecting parameters say which operation a request is. What the operation does not read is refused by name, so
that a sub-resource which local OSS does not know never runs another operation.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_pai.local.oss.auth import presigning_parameters
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, method_not_allowed, not_implemented
from airflow_provider_pai.local.oss.operation import OssOperation, level_of
from airflow_provider_pai.local.oss.operations import CONDITIONS, OPERATIONS
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.oss.user_metadata import META

_COMMON_HEADERS = frozenset({"x-oss-date", "x-oss-content-sha256", "x-oss-security-token", "x-oss-request-payer"})
_CHANGING = frozenset({"PUT", "POST", "DELETE"})
_VALUES: Mapping[str, frozenset[str]] = {
    "x-oss-complete-all": frozenset({"yes"}),
    "x-oss-forbid-overwrite": frozenset({"true", "false"}),
    "x-oss-metadata-directive": frozenset({"COPY", "REPLACE"}),
    "x-oss-range-behavior": frozenset({"standard"}),
    "x-oss-request-payer": frozenset({"requester"}),
    "x-oss-tagging-directive": frozenset({"COPY", "REPLACE"}),
}
_MAX_NAME_SHOWN = 100


def find_operation(request: OSSRequest) -> OssOperation | None:
    """Return the operation that a request selects; of several the one with the most selectors."""
    selected = [operation for operation in OPERATIONS if operation.is_selected(request)]
    return max(selected, key=lambda operation: (len(operation.selectors), operation.source), default=None)


def require_operation(request: OSSRequest) -> OssOperation:
    """Return the operation that a request selects, which reads all that the request says.

    Raises:
        OSSErrorResponse: MethodNotAllowed; NotImplemented: a parameter or header that the operation does not read;
            InvalidArgument: a header with a value that it can't have.
    """
    operation = find_operation(request)
    if operation is None:
        raise _unknown(request)
    known = {*operation.selectors, *operation.parameters, *presigning_parameters(request)}
    for name in sorted(request.query.keys() - known):
        raise not_implemented(f"the parameter {name[:_MAX_NAME_SHOWN]} of {operation.name}")
    for name, value in request.headers.items():
        _check_header(operation, name, value)
    return operation


def _unknown(request: OSSRequest) -> OSSErrorResponse:
    asked = sorted(request.query.keys() - presigning_parameters(request))
    if asked:
        names = ", ".join(asked)[:_MAX_NAME_SHOWN]
        return not_implemented(f"{request.method} of a {level_of(request)} with {names}")
    return method_not_allowed(request.method)


def _check_header(operation: OssOperation, name: str, value: str) -> None:
    if name in CONDITIONS and operation.method in _CHANGING and not operation.conditional:
        raise not_implemented(f"the header {name} of {operation.name}")
    if not name.startswith("x-oss-") or (name in _COMMON_HEADERS and name not in _VALUES):
        return
    kind = META if name.startswith(META) else name
    if kind not in operation.headers | _COMMON_HEADERS:
        raise not_implemented(f"the header {name[:_MAX_NAME_SHOWN]} of {operation.name}")
    allowed = _VALUES.get(name)
    if allowed is not None and value not in allowed and value.upper() not in allowed and value.lower() not in allowed:
        raise OSSErrorResponse(
            400,
            "InvalidArgument",
            f"The header {name} must be one of {', '.join(sorted(allowed))}.",
            details={"ArgumentName": name, "ArgumentValue": value[:_MAX_NAME_SHOWN]},
        )
