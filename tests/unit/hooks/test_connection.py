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


def test_all_problems_are_reported_at_once() -> None:
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


class Stored:
    """What Airflow gives of a connection."""

    def __init__(self, extra: str | None = None, conn_type: str | None = "pai") -> None:
        self.conn_type, self.extra, self.login, self.password = conn_type, extra, "KEY", "hunter2"


@pytest.mark.parametrize(
    "extra",
    [
        '{"region_id": "cn-hangzhou"}',
        '"{\\"region_id\\": \\"cn-hangzhou\\"}"',
        '{"extra__pai__region_id": "cn-hangzhou"}',
    ],
)
def test_extra_is_an_object_and_may_be_written_as_json_in_json(extra: str) -> None:
    assert ConnectionFields.of("mine", Stored(extra)).extra == {"region_id": "cn-hangzhou"}


@pytest.mark.parametrize("extra", [None, "", " ", "null", "{}"])
def test_no_extra_is_an_empty_one(extra: str | None) -> None:
    assert ConnectionFields.of("mine", Stored(extra)).extra == {}


@pytest.mark.parametrize("extra", ["[1]", "5", '"x"', '{"a"', "region_id=hunter2", '"[1]"', "[" * 5000])
def test_an_extra_that_is_no_object_is_refused_and_not_shown(extra: str) -> None:
    with pytest.raises(SpecError) as caught:
        ConnectionFields.of("mine", Stored(extra))
    (problem,) = caught.value.problems
    assert problem.argument == "extra"
    assert str(problem).startswith("connection 'mine': extra must be a JSON object")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("kind", ["aws", "http", "generic"])
def test_a_connection_of_another_type_is_refused(kind: str) -> None:
    with pytest.raises(SpecError, match=f"pai_conn_id: connection 'mine' is of type '{kind}'"):
        ConnectionFields.of("mine", Stored("{}", kind))


@pytest.mark.parametrize("kind", ["pai", "alibaba_cloud", None, ""])
def test_a_connection_may_have_no_type(kind: str | None) -> None:
    assert ConnectionFields.of("mine", Stored("{}", kind)).login == "KEY"


def test_what_nothing_reads_is_named_with_what_it_may_have_been_meant_for() -> None:
    found = ConnectionFields.of("mine", Stored('{"regionid": "x", "region_id": "y", "colour": 1}'))
    assert found.unknown() == ["'colour'", "'regionid' (did you mean 'region_id'?)"]


@pytest.mark.parametrize("part", ["access_key_id", "access_key_secret", "security_token"])
@pytest.mark.parametrize("value", ["hunt\nX-Evil: 1", "hunt\r\n3", "hunt 密钥", "hunt\x00", "hunt\xa0x", "hunt er2"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(part: str, value: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_config(
            ConnectionFields(
                "mine", None, None, {**EXTRA, "access_key_id": "KEY", "access_key_secret": "S", part: value}
            )
        )
    (problem,) = caught.value.problems
    assert problem.argument == part
    assert "hunt" not in str(caught.value)


@pytest.mark.parametrize("field", ["endpoint", "oss_endpoint", "sts_endpoint"])
def test_a_user_and_password_in_an_endpoint_are_refused_and_not_shown(field: str) -> None:
    said = only_problem(fields(**{field: "https://me:hunter2@pai.example"}))
    assert f"{field} must be a URL" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("bucket", ["my-bucket", "other"])
def test_an_oss_endpoint_that_begins_with_a_bucket_is_refused(bucket: str) -> None:
    said = only_problem(fields(oss_endpoint="https://my-bucket.oss-cn-hangzhou.aliyuncs.com", bucket=bucket))
    assert "oss_endpoint must be a URL such as 'https://oss-cn-hangzhou.aliyuncs.com', without bucket" in said


@pytest.mark.parametrize("value", ["my workspace", "../x", "None", "nan", "工作区", "x" * 65, "1 2", "a/b"])
def test_a_workspace_id_is_checked(value: Any) -> None:
    assert "workspace_id must be a workspace's id" in only_problem(fields(workspace_id=value))


@pytest.mark.parametrize("value", [[1], {"a": 1}, 5.5, True, "x" * 100_000, 10**5000], ids=type)
@pytest.mark.parametrize("field", ["region_id", "bucket", "network", "endpoint"])
def test_no_value_of_a_field_is_a_bare_error(field: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        read_config(fields(credential_type="oidc_role_arn", login=None, password=None, **{field: value}))
    assert {problem.argument for problem in caught.value.problems} == {field}
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("value", "read"), [(True, True), ("true", True), ("False", False), (False, None), ("", None)])
def test_a_box_that_is_not_ticked_leaves_it_to_the_endpoint_whether_packages_have_members(
    value: object, read: bool | None
) -> None:
    assert read_config(fields(package_members=value)).package_members is read


def test_a_package_members_of_another_kind_is_named() -> None:
    with pytest.raises(SpecError, match="package_members must be 'true' or 'false', not 'maybe'"):
        read_config(fields(package_members="maybe"))
