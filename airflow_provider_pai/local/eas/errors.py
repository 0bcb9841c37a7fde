"""How the operations of EAS refuse. All codes are [inferred]: EAS publishes none."""

from __future__ import annotations

from airflow_provider_pai.local.http.response import ErrorResponse


def invalid(message: str) -> ErrorResponse:
    """Return the refusal of a parameter's or member's value."""
    return ErrorResponse(400, "InvalidParameter", message)


def missing(name: str) -> ErrorResponse:
    """Return the refusal of a request that lacks a parameter or member."""
    return ErrorResponse(400, "MissingParameter", f"{name} is required.")


def no_such_service(name: str) -> ErrorResponse:
    """Return the refusal for a service that does not exist."""
    return ErrorResponse(404, "InvalidService.NotFound", f"The service {name} does not exist.")


def no_such_group(name: str) -> ErrorResponse:
    """Return the refusal for a service group that does not exist."""
    return ErrorResponse(404, "InvalidGroup.NotFound", f"The service group {name} does not exist.")


def no_such_instance(service: str, instance: str) -> ErrorResponse:
    """Return the refusal for an instance that does not exist."""
    return ErrorResponse(404, "InvalidInstance.NotFound", f"The service {service} has no instance {instance}.")


def name_taken(name: str, by: str) -> ErrorResponse:
    """Return the refusal to create a service under a name that is taken."""
    return ErrorResponse(409, "InvalidServiceName.Duplicate", f"The name {name} is taken by {by}.")


def wrong_state(name: str, what: str) -> ErrorResponse:
    """Return the refusal of what a service's state forbids."""
    return ErrorResponse(409, "InvalidServiceStatus", f"The service {name} {what}.")
