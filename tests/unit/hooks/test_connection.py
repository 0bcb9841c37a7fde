from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config

EXTRA = {"region_id": "cn-hangzhou", "workspace_id": "12345"}


def fields(login: str | None = "KEY", password: str | None = "hunter2", **extra: Any) -> ConnectionFields:
    return ConnectionFields("pai_default", login, password, {**EXTRA, **extra})


def only_problem(found: ConnectionFields) -> str:
    with pytest.raises(SpecError) as caught:
        read_config(found)
    (problem,) = map(str, caught.value.problems)
    assert problem.startswith("connection 'pai_default'")
    return problem


def test_the_least_connection_has_keys_region_and_workspace() -> None:
    assert read_config(fields()) == ClientConfig("cn-hangzhou", "12345", KeyPair("KEY", "hunter2"))


def test_every_field_arrives_in_its_place() -> None:
    extra = {
        "security_token": "TOKEN",
        "network": "vpc",
        "endpoint": "http://127.0.0.1:8001",
        "oss_endpoint": "https://oss.example",
        "bucket": "my-bucket",
        "log_delay": "7.5",
    }
    assert read_config(fields(**extra)) == ClientConfig(
        "cn-hangzhou",
        "12345",
        KeyPair("KEY", "hunter2", "TOKEN"),
        endpoint="http://127.0.0.1:8001",
        oss_endpoint="https://oss.example",
        network="vpc",
        bucket="my-bucket",
        log_delay=7.5,
    )


@pytest.mark.parametrize("number", [0, 0.0])
def test_a_log_may_be_complete_at_a_jobs_end(number: object) -> None:
    assert read_config(fields(log_delay=number)).log_delay == 0.0


def test_an_alibaba_cloud_connection_has_its_keys_in_extra() -> None:
    extra = {"access_key_id": "KEY", "access_key_secret": "hunter2"}
    assert read_config(fields(None, None, **extra)).credentials == KeyPair("KEY", "hunter2")
    assert read_config(fields("", "", **extra)).credentials == KeyPair("KEY", "hunter2")


def test_login_and_password_come_before_extra() -> None:
    extra = {"access_key_id": "OTHER", "access_key_secret": "OTHER"}
    assert read_config(fields(**extra)).credentials == KeyPair("KEY", "hunter2")


def test_the_region_may_be_called_region() -> None:
    assert read_config(fields(region_id=None, region="cn-beijing")).region_id == "cn-beijing"
    assert read_config(fields(region="cn-beijing")).region_id == "cn-hangzhou"


def test_arguments_take_the_place_of_the_connections() -> None:
    config = read_config(fields(), region_id="cn-beijing", workspace_id="6789")
    assert (config.region_id, config.workspace_id) == ("cn-beijing", "6789")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_arguments_that_are_empty_take_no_place(nothing: str | None) -> None:
    config = read_config(fields(), region_id=nothing, workspace_id=nothing)
    assert (config.region_id, config.workspace_id) == ("cn-hangzhou", "12345")


def test_a_workspace_id_may_be_a_number() -> None:
    number: Any = 6789
    assert read_config(fields(workspace_id=12345)).workspace_id == "12345"
    assert read_config(fields(), workspace_id=number).workspace_id == "6789"


def test_white_space_that_was_copied_along_is_removed() -> None:
    spaced = fields(" KEY\n", "hunter2\n", region_id=" cn-hangzhou ", security_token="TOKEN\n")
    config = read_config(spaced, workspace_id=" 12345 ")
    assert config == ClientConfig("cn-hangzhou", "12345", KeyPair("KEY", "hunter2", "TOKEN"))


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_an_empty_field_of_extra_is_as_if_absent(nothing: str | None) -> None:
    names = ("security_token", "network", "endpoint", "oss_endpoint", "bucket")
    assert read_config(fields(**dict.fromkeys(names, nothing))) == read_config(fields())


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (fields(login=None), "access_key_id is missing: fill in the field Login, or access_key_id in Extra"),
        (fields(login=" "), "access_key_id is missing: fill in the field Login, or access_key_id in Extra"),
        (
            fields(password=None),
            "access_key_secret is missing: fill in the field Password, or access_key_secret in Extra",
        ),
        (
            fields(region_id=""),
            "region_id is missing: set it in Extra, for example 'cn-hangzhou', or give the argument",
        ),
        (fields(workspace_id=""), "workspace_id is missing: set it in Extra, or give the argument workspace_id"),
        (fields(region_id="China (Hangzhou)"), "region_id must be a region's id such as 'cn-hangzhou', not 'China"),
        (fields(region_id="evil.example/"), "region_id must be a region's id"),
        (fields(network="private"), "network must be 'public' or 'vpc', not 'private'"),
        (fields(endpoint="pai.cn-hangzhou.aliyuncs.com"), "endpoint must be a URL such as 'https://pai.cn-hangzhou."),
        (fields(endpoint="ftp://host"), "endpoint must be a URL"),
        (fields(endpoint="http://"), "endpoint must be a URL"),
        (fields(endpoint="http://[::1"), "endpoint must be a URL"),
        (fields(endpoint="http://host:port"), "endpoint must be a URL"),
        (fields(endpoint="http://my host"), "endpoint must be a URL"),
        (fields(log_delay="-1"), "log_delay must be seconds, from 0 to 999, not '-1'"),
        (fields(log_delay="soon"), "log_delay must be seconds, from 0 to 999, not 'soon'"),
        (fields(oss_endpoint="oss-cn-hangzhou.aliyuncs.com"), "oss_endpoint must be a URL such as 'https://oss-cn-"),
        (
            fields(bucket="oss://my-bucket/"),
            "bucket must be a bucket's name such as 'my-bucket', not 'oss://my-bucket/'",
        ),
        (fields(bucket="my-bucket/prefix"), "bucket must be a bucket's name"),
        (fields(bucket="my-bucket.oss-cn-hangzhou.aliyuncs.com"), "bucket must be a bucket's name"),
    ],
)
def test_what_is_missing_or_malformed_is_named_with_what_to_do(found: ConnectionFields, says: str) -> None:
    assert says in only_problem(found)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8001", "https://host", "https://host/", "http://[::1]:8001"])
def test_any_url_is_an_endpoint(endpoint: str) -> None:
    config = read_config(fields(endpoint=endpoint, oss_endpoint=endpoint))
    assert (config.endpoint, config.oss_endpoint) == (endpoint, endpoint)


def test_everything_is_told_at_once() -> None:
    nothing = ConnectionFields(
        "mine", None, None, {"network": "x", "endpoint": "x", "oss_endpoint": "x", "bucket": "X"}
    )
    with pytest.raises(SpecError) as caught:
        read_config(nothing)
    assert len(caught.value.problems) == 7
    assert all(problem.of == "connection 'mine'" for problem in caught.value.problems)


def test_secrets_show_neither_in_a_repr_nor_in_an_error() -> None:
    secrets = {"access_key_secret": "hunter2", "security_token": "hunter2"}
    found = fields("KEY", "hunter2", **secrets)
    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(read_config(found))
    assert "hunter2" not in only_problem(fields("KEY", "hunter2", **secrets, network="x"))


@pytest.mark.parametrize(("value", "read"), [(True, True), ("true", True), ("False", False), (False, None), ("", None)])
def test_a_box_that_is_not_ticked_leaves_it_to_the_endpoint_whether_packages_have_members(
    value: object, read: bool | None
) -> None:
    assert read_config(fields(package_members=value)).package_members is read


def test_a_package_members_of_another_kind_is_named() -> None:
    with pytest.raises(SpecError, match="package_members must be 'true' or 'false', not 'maybe'"):
        read_config(fields(package_members="maybe"))
