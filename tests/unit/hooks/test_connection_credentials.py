"""Which fields of a connection make which identity, and what is said about those that don't go together."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.sources import (
    AssumedRole,
    CredentialsConfig,
    CredentialsUri,
    DefaultChain,
    EcsRole,
    OidcRole,
)
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.connection_credentials import CREDENTIAL_TYPES
from airflow_provider_pai.hooks.connection_form import FIELDS, TYPES, conn_fields

ROLE = "acs:ram::123456789012:role/airflow"
PROVIDER = "acs:ram::123456789012:oidc-provider/ack-rrsa-c1"
STS = "https://sts.cn-hangzhou.aliyuncs.com"
KEY = {"login": "KEY", "password": "hunter2"}
PAIR = KeyPair("KEY", "hunter2")


def fields(login: str | None = None, password: str | None = None, **extra: Any) -> ConnectionFields:
    return ConnectionFields(
        "pai_default", login, password, {"region_id": "cn-hangzhou", "workspace_id": "12345", **extra}
    )


def read(**given: Any) -> CredentialsConfig:
    return read_config(fields(**given)).credentials


def problems(**given: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(**given)
    assert all(problem.of == "connection 'pai_default'" for problem in caught.value.problems)
    assert "hunter2" not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("given", "credentials"),
    [
        (KEY, PAIR),
        ({**KEY, "credential_type": "access_key"}, PAIR),
        ({**KEY, "security_token": "TOKEN"}, KeyPair("KEY", "hunter2", "TOKEN")),
        ({**KEY, "security_token": "TOKEN", "credential_type": "sts"}, KeyPair("KEY", "hunter2", "TOKEN")),
        ({**KEY, "credential_type": "ram_role_arn", "role_arn": ROLE}, AssumedRole(ROLE, PAIR, STS)),
        (
            {**KEY, "credential_type": "ram_role_arn", "role_arn": ROLE, "security_token": "TOKEN"},
            AssumedRole(ROLE, KeyPair("KEY", "hunter2", "TOKEN"), STS),
        ),
        (
            {"credential_type": "ram_role_arn", "role_arn": ROLE},
            AssumedRole(ROLE, DefaultChain(STS), STS),
        ),
        (
            {
                **KEY,
                "credential_type": "ram_role_arn",
                "role_arn": ROLE,
                "role_session_name": "airflow",
                "duration_seconds": 900,
                "external_id": "for-us",
                "policy": '{"Version": "1"}',
            },
            AssumedRole(ROLE, PAIR, STS, "airflow", 900, "for-us", '{"Version": "1"}'),
        ),
        ({"credential_type": "oidc_role_arn"}, OidcRole(STS)),
        (
            {
                "credential_type": "oidc_role_arn",
                "role_arn": ROLE,
                "oidc_provider_arn": PROVIDER,
                "oidc_token_file": "/token",
                "duration_seconds": "43200",
            },
            OidcRole(STS, ROLE, PROVIDER, "/token", duration=43_200),
        ),
        ({"credential_type": "ecs_ram_role"}, EcsRole()),
        (
            {"credential_type": "ecs_ram_role", "role_name": "worker", "disable_imdsv1": True},
            EcsRole("worker", imdsv1=False),
        ),
        ({"credential_type": "ecs_ram_role", "disable_imdsv1": "False"}, EcsRole()),
        (
            {"credential_type": "credentials_uri", "credentials_uri": "http://localhost/a?b=c"},
            CredentialsUri("http://localhost/a?b=c"),
        ),
        ({"credential_type": "default"}, DefaultChain(STS)),
    ],
)
def test_the_fields_of_each_type_make_its_identity(given: dict[str, Any], credentials: CredentialsConfig) -> None:
    assert read(**given) == credentials


def test_a_policy_may_be_an_object() -> None:
    read_ = read(**KEY, credential_type="ram_role_arn", role_arn=ROLE, policy={"Version": "1"})
    assert isinstance(read_, AssumedRole)
    assert read_.policy == '{"Version": "1"}'


@pytest.mark.parametrize(
    ("given", "sts_url"),
    [
        ({"network": "vpc"}, "https://sts-vpc.cn-hangzhou.aliyuncs.com"),
        ({"region_id": "cn-beijing"}, "https://sts.cn-beijing.aliyuncs.com"),
        ({"endpoint": "http://127.0.0.1:8001/"}, "http://127.0.0.1:8001"),
        ({"endpoint": "http://127.0.0.1:8001", "sts_endpoint": "https://sts.example/"}, "https://sts.example"),
    ],
)
def test_sts_is_the_regions_unless_an_endpoint_takes_its_place(given: dict[str, Any], sts_url: str) -> None:
    assert read(credential_type="default", **given) == DefaultChain(sts_url)


def test_nothing_is_guessed_without_keys_and_type() -> None:
    (problem,) = problems()
    assert "other credentials are missing: fill in Login and Password, or set credential_type" in problem
    assert all(name in problem for name in CREDENTIAL_TYPES)


def test_boxes_that_are_not_ticked_and_empty_fields_say_nothing() -> None:
    empty = dict.fromkeys((name for name in FIELDS if name not in ("region_id", "workspace_id")), "")
    assert read(**KEY, **{**empty, "disable_imdsv1": False}) == PAIR


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"login": "KEY"}, "access_key_secret is missing: fill in the field Password, or access_key_secret in Extra"),
        ({"password": "hunter2"}, "access_key_id is missing: fill in the field Login, or access_key_id in Extra"),
        ({**KEY, "credential_type": "sts"}, "security_token is missing: credential_type 'sts' needs it"),
        ({**KEY, "credential_type": "ram_role_arn"}, "role_arn is missing: credential_type 'ram_role_arn' needs it"),
        (
            {"login": "KEY", "credential_type": "ram_role_arn", "role_arn": ROLE},
            "access_key_secret is missing: fill in the field Password",
        ),
        ({"credential_type": "credentials_uri"}, "credentials_uri is missing: credential_type 'credentials_uri'"),
        (
            {**KEY, "role_arn": ROLE},
            "role_arn goes with credential_type 'ram_role_arn' or 'oidc_role_arn', not with 'access_key'",
        ),
        (
            {**KEY, "credential_type": "access_key", "security_token": "TOKEN"},
            "security_token goes with credential_type 'sts' or 'ram_role_arn', not with 'access_key'",
        ),
        (
            {"credential_type": "ecs_ram_role", "external_id": "for-us"},
            "external_id goes with credential_type 'ram_role_arn', not with 'ecs_ram_role'",
        ),
        ({"credential_type": "assume"}, "credential_type must be one of 'access_key', 'sts', 'ram_role_arn', 'oidc_"),
        ({"credential_type": "ram_role_arn", "role_arn": "airflow"}, "role_arn must be a RAM role's ARN such as"),
        ({"credential_type": "oidc_role_arn", "oidc_provider_arn": ROLE}, "oidc_provider_arn must be an OIDC provid"),
        ({"credential_type": "oidc_role_arn", "oidc_token_file": "token"}, "oidc_token_file must be the absolute path"),
        ({"credential_type": "oidc_role_arn", "role_session_name": "a b"}, "role_session_name must be 2 to 64 letters"),
        ({"credential_type": "oidc_role_arn", "duration_seconds": "1h"}, "duration_seconds must be a number of second"),
        ({"credential_type": "oidc_role_arn", "duration_seconds": 899}, "duration_seconds must be a number of seconds"),
        ({"credential_type": "oidc_role_arn", "duration_seconds": 43201}, "from 900 to 43200, not '43201'"),
        ({"credential_type": "oidc_role_arn", "policy": "[]"}, "policy must be a RAM policy as a JSON object"),
        ({"credential_type": "ecs_ram_role", "role_name": "a/b"}, "role_name must be a RAM role's name such as"),
        ({"credential_type": "ecs_ram_role", "disable_imdsv1": "yes"}, "disable_imdsv1 must be 'true' or 'false'"),
        ({"credential_type": "credentials_uri", "credentials_uri": "hunter2"}, "credentials_uri must be a URL such as"),
        (
            {**KEY, "credential_type": "ram_role_arn", "role_arn": ROLE, "external_id": "hunter2 hunter2"},
            "external_id must be 2 to 1224 letters, digits,",
        ),
        ({**KEY, "sts_endpoint": "sts.example"}, "sts_endpoint must be a URL such as"),
    ],
)
def test_what_is_missing_malformed_or_contradictory_is_one_problem_by_name(given: dict[str, Any], says: str) -> None:
    (problem,) = problems(**given)
    assert says in problem


@pytest.mark.parametrize("kind", ["oidc_role_arn", "ecs_ram_role", "credentials_uri", "default"])
def test_an_access_key_beside_another_source_is_refused(kind: str) -> None:
    uri = {"credentials_uri": "http://localhost/"} if kind == "credentials_uri" else {}
    found = problems(**KEY, credential_type=kind, **uri)
    assert [problem.split()[2] for problem in found] == ["access_key_id", "access_key_secret"]


def test_no_secret_shows_in_what_is_read() -> None:
    shown = repr(
        read_config(
            fields(
                **KEY, credential_type="ram_role_arn", role_arn=ROLE, security_token="hunter2", external_id="hunter2"
            )
        )
    )
    assert "hunter2" not in shown
    assert ROLE in shown


@hypothesis.given(
    st.sampled_from([*CREDENTIAL_TYPES, "", "assume"]),
    st.dictionaries(
        st.sampled_from(["security_token", "external_id", "credentials_uri", "access_key_secret"]),
        st.sampled_from(["hunter2", "http://hunter2.example/", "hunter2 hunter2", " hunter2\n"]),
    ),
    st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from(["x", ROLE, PROVIDER, "900", "/token"])),
    st.sampled_from([None, "KEY"]),
)
def test_no_secret_shows_whatever_is_filled_in(
    kind: str, secrets: dict[str, str], others: dict[str, str], login: str | None
) -> None:
    try:
        shown = repr(read_config(fields(login, "hunter2", **{**others, **secrets, "credential_type": kind})))
    except SpecError as error:
        shown = f"{error!r} {error}"
    assert "hunter2" not in shown


def test_the_form_offers_every_type_and_hides_secrets() -> None:
    assert TYPES == CREDENTIAL_TYPES
    found = conn_fields()
    assert found["credential_type"]["schema"]["examples"] == list(CREDENTIAL_TYPES)
    hidden = {name for name, field in found.items() if field["schema"].get("format") == "password"}
    assert hidden == {"security_token", "external_id"}
    required = {name for name, field in found.items() if "null" not in field["schema"]["type"]}
    assert required == {"region_id", "workspace_id"}
    assert json.loads(json.dumps(found)) == found


def test_a_policy_that_is_nested_too_deeply_is_named() -> None:
    fields = ConnectionFields("", "KEY", "SECRET", {"region_id": "cn-hangzhou", "policy": "[" * 100_000})
    with pytest.raises(SpecError, match="policy"):
        read_config(fields)
