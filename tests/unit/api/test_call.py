from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.api.call import Call, decode_answer, decode_error, present, segment
from airflow_provider_pai.api.endpoints import AI_WORKSPACE, DLC, PAI_STUDIO, console_url, oss_url, service_url
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    NotFoundError,
    PAIError,
    ProtocolError,
    ServerError,
    SpecError,
    ThrottledError,
)
from airflow_provider_pai.model.problem import Problem

CALL = Call(PAI_STUDIO, "GetTrainingJob", "GET", "/x", lambda body: body["TrainingJobId"])
SECRET = "FAKE-STS-TOKEN"
STRING_TO_SIGN = f"server string to sign is:GET\n/api/v1/trainingjobs\nx-acs-security-token:{SECRET}\nMORE"


def content(**members: Any) -> bytes:
    return json.dumps(members).encode()


def refused(status: int, code: str, headers: Mapping[str, str] | None = None) -> APIError | ProtocolError:
    return decode_error("GetTrainingJob", status, headers or {}, content(Code=code, Message="words", RequestId="ID"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "InvalidAccessKeyId.NotFound", AuthError),
        (400, "InvalidAccessKeyId.NotFound", AuthError),
        (403, "InvalidAccessKeyId.Inactive", AuthError),
        (400, "SignatureDoesNotMatch", AuthError),
        (403, "SignatureDoesNotMatch", AuthError),
        (400, "IncompleteSignature", AuthError),
        (400, "InvalidSecurityToken.Expired", AuthError),
        (403, "InvalidSecurityToken.MismatchWithAccessKey", AuthError),
        (403, "Forbidden", AuthError),
        (400, "Forbidden.RAM", AuthError),
        (403, "NoPermission", AuthError),
        (401, "SomethingNew", AuthError),
        (403, "SomethingNew", AuthError),
        (400, "SignatureNonceUsed", APIError),
        (400, "InvalidTimeStamp.Expired", APIError),
        (400, "Throttling", ThrottledError),
        (400, "Throttling.User", ThrottledError),
        (503, "Throttling.Api", ThrottledError),
        (403, "Throttling.User", ThrottledError),
        (429, "TooManyRequests", ThrottledError),
        (400, "MissingParameter", APIError),
        (400, "InvalidParameter.EcsSpec", APIError),
        (400, "BadRequest", APIError),
        (404, "InvalidAction.NotFound", NotFoundError),
        (404, "TrainingJobNotFound", NotFoundError),
        (404, "TRAINING_JOB_INSTANCE_NOT_FOUND", NotFoundError),
        (400, "TRAINING_JOB_INSTANCE_NOT_FOUND", APIError),
        (409, "TrainingJobAlreadyExists", ConflictError),
        (400, "QuotaExceeded", APIError),
        (500, "InternalError", ServerError),
        (502, "UnknownError", ServerError),
        (503, "ServiceUnavailable", ServerError),
        (599, "", ServerError),
        (418, "", APIError),
    ],
)
def test_the_services_code_decides_then_the_status(status: int, code: str, kind: type[APIError]) -> None:
    error = refused(status, code)
    assert type(error) is kind
    assert (error.operation, error.status, error.code, error.request_id) == ("GetTrainingJob", status, code, "ID")


@pytest.mark.parametrize(("value", "seconds"), [("1500", 1.5), ("1", 0.001), ("120000", 120.0)])
def test_the_wait_of_a_throttled_answer_is_read_in_milliseconds(value: str, seconds: float) -> None:
    error = refused(400, "Throttling.User", {"x-acs-retry-after": value})
    assert isinstance(error, ThrottledError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("value", ["", "0", "-5", "1.5", "soon", "²"])
def test_a_wait_that_is_no_positive_number_is_none(value: str) -> None:
    error = refused(400, "Throttling.User", {"x-acs-retry-after": value})
    assert isinstance(error, ThrottledError)
    assert error.retry_after is None


def test_a_refusal_that_names_a_wait_is_throttled_whatever_its_code() -> None:
    assert isinstance(refused(400, "SomethingNew", {"x-acs-retry-after": "100"}), ThrottledError)


def test_a_failed_server_may_have_done_it_even_when_it_names_a_wait() -> None:
    # A throttled create is sent again; one that may have happened must not be.
    assert type(refused(503, "ServiceUnavailable", {"x-acs-retry-after": "100"})) is ServerError


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html><h1>Bad Gateway</h1></html>", b"upstream timeout", b"[]", b"\xff\xfe"])
def test_a_failing_proxy_is_a_server_error(status: int, body: bytes) -> None:
    error = decode_error("GetTrainingJob", status, {"x-acs-request-id": "ID"}, body)
    assert type(error) is ServerError
    assert "proxy" in error.message
    assert error.request_id == "ID"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 409])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'"text"', b"[" * 100_000])
def test_a_refusal_that_is_not_the_services_says_nothing_about_a_job_or_a_key(status: int, body: bytes) -> None:
    error = decode_error("StopTrainingJob", status, {}, body)
    assert type(error) is ProtocolError
    assert f"StopTrainingJob: HTTP {status}" in str(error)


@pytest.mark.parametrize("status", [413, 414, 431])
def test_a_request_that_is_too_long_for_a_proxy_is_refused_not_tried_again(status: int) -> None:
    error = decode_error("ListModels", status, {}, b"<html>Request-URI Too Long</html>")

    assert type(error) is APIError
    assert "too long" in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>slow down</html>"])
def test_status_429_is_throttling_with_any_body(body: bytes) -> None:
    assert type(decode_error("CreateTrainingJob", 429, {}, body)) is ThrottledError


def xml(code: str, message: str = "words &amp; more") -> bytes:
    text = f"<?xml version='1.0'?><Error><RequestId>ID</RequestId><HostId>h</HostId><Code>{code}</Code>"
    return f"{text}<Message>{message}</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Throttling.User", ThrottledError),
        (404, "InvalidAccessKeyId.NotFound", AuthError),
        (404, "X", NotFoundError),
    ],
)
def test_an_error_in_xml_is_read_as_one_in_json(status: int, code: str, kind: type[APIError]) -> None:
    error = decode_error("GetTrainingJob", status, {}, xml(code))
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "words & more", "ID")


def test_lower_case_members_are_read_too() -> None:
    error = decode_error("GetTrainingJob", 400, {}, content(code="Throttling", message="words", requestId="ID"))
    assert isinstance(error, ThrottledError)
    assert (error.code, error.message, error.request_id) == ("Throttling", "words", "ID")


def test_the_request_id_may_come_in_a_header_alone() -> None:
    assert "ID" in str(decode_error("GetTrainingJob", 400, {"x-acs-request-id": "ID"}, content(Code="X")))


def test_an_error_without_members_reads_well() -> None:
    assert "no code: no message" in str(decode_error("GetTrainingJob", 400, {}, b"{}"))


@pytest.mark.parametrize(
    "body",
    [
        content(Code="SignatureDoesNotMatch", Message=f"Specified signature is not matched. {STRING_TO_SIGN}"),
        content(Code="SignatureDoesNotMatch.Canonical", Message=f"No. {SECRET}"),
        content(Code="IncompleteSignature", Message=f"The signature does not conform. {STRING_TO_SIGN}"),
        content(code="InvalidSignature", message=f"StringToSign: {SECRET}"),
        xml("SignatureDoesNotMatch", f"No. {STRING_TO_SIGN}"),
        xml("Other", f"No. <StringToSign>{SECRET}</StringToSign>"),
        b"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>" + SECRET.encode() + b"</StringToSign></Error>",
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_a_signature_error_never_echoes_the_string_to_sign(status: int, body: bytes) -> None:
    error = decode_error("GetTrainingJob", status, {}, body)
    assert SECRET not in f"{error} {error!r} {vars(error)}"


def test_a_wrong_signature_names_the_field_to_check() -> None:
    assert "access_key_secret is probably wrong" in str(refused(400, "SignatureDoesNotMatch"))


@given(
    st.integers(400, 599),
    st.binary(max_size=60) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr).map(str.encode),
)
def test_any_refusal_is_one_of_our_errors(status: int, body: bytes) -> None:
    assert isinstance(decode_error("GetTrainingJob", status, {}, body), APIError | ProtocolError)


def test_a_good_answer_is_parsed() -> None:
    assert decode_answer(CALL, 200, {}, content(TrainingJobId="train1")) == "train1"


def test_an_empty_answer_is_an_empty_object_and_as_many_members_short() -> None:
    call: Call[dict[str, Any]] = Call(PAI_STUDIO, "StopTrainingJob", "PUT", "/x", dict)
    assert decode_answer(call, 200, {}, b"") == {}


def test_a_request_id_in_the_header_is_as_good_as_one_in_the_body() -> None:
    call: Call[dict[str, Any]] = Call(PAI_STUDIO, "StopTrainingJob", "PUT", "/x", dict)
    assert decode_answer(call, 200, {"x-acs-request-id": "ID"}, b"{}") == {"RequestId": "ID"}
    assert decode_answer(call, 200, {"x-acs-request-id": "ID"}, b'{"RequestId": "other"}') == {"RequestId": "other"}


@pytest.mark.parametrize("status", [301, 302, 304, 307, 199])
def test_a_redirect_is_no_success(status: int) -> None:
    call: Call[None] = Call(PAI_STUDIO, "StopTrainingJob", "PUT", "/x", lambda _: None)
    with pytest.raises(ProtocolError, match=f"StopTrainingJob: HTTP {status}"):
        decode_answer(call, status, {}, b"")


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b'"x"', b"null", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_object_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="GetTrainingJob: the answer is not"):
        decode_answer(CALL, 200, {}, body)


@pytest.mark.parametrize("kind", [KeyError, TypeError, ValueError, AttributeError, OverflowError])
def test_an_answer_that_a_reader_cannot_read_is_a_protocol_error(kind: type[Exception]) -> None:
    def parse(_: Mapping[str, Any]) -> None:
        raise kind("a")

    with pytest.raises(ProtocolError, match="GetTrainingJob: the answer can't be read") as caught:
        decode_answer(Call(PAI_STUDIO, "GetTrainingJob", "GET", "/x", parse), 200, {}, b'{"shown": 1}')
    assert "shown" in str(caught.value)


def test_a_readers_own_error_is_kept() -> None:
    def parse(_: Mapping[str, Any]) -> None:
        raise SpecError([Problem("image", ": there is none")])

    with pytest.raises(SpecError, match="image: there is none"):
        decode_answer(Call(PAI_STUDIO, "ListImages", "GET", "/x", parse), 200, {}, b"{}")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_is_raised(status: int) -> None:
    with pytest.raises(PAIError, match="words"):
        decode_answer(CALL, status, {}, content(Code="X", Message="words"))


def test_a_call_without_a_body_sends_no_bytes() -> None:
    assert CALL.content() == b""


def test_a_body_is_compact_json_in_utf_8() -> None:
    call = Call(PAI_STUDIO, "X", "POST", "/x", dict, body={"b": "é", "a": []})
    assert call.content() == '{"a":[],"b":"é"}'.encode()


def test_an_empty_body_is_sent_as_such() -> None:
    assert Call(PAI_STUDIO, "X", "POST", "/x", dict, body={}).content() == b"{}"


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_an_id_never_changes_the_path(value: str) -> None:
    path = f"/jobs/{segment(value)}/stop"
    assert urllib3.util.parse_url(f"https://host{path}").path == path
    assert path.count("/") == 3


@pytest.mark.parametrize(
    ("value", "encoded"), [("train1", "train1"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("a b~é", "a%20b~%C3%A9")]
)
def test_a_segment_is_percent_encoded(value: str, encoded: str) -> None:
    assert segment(value) == encoded


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_refused(value: str) -> None:
    with pytest.raises(SpecError, match="names nothing"):
        segment(value)


@pytest.mark.parametrize(
    ("service", "public", "vpc"),
    [
        (PAI_STUDIO, "https://pai.cn-hangzhou.aliyuncs.com", "https://pai-vpc.cn-hangzhou.aliyuncs.com"),
        (
            AI_WORKSPACE,
            "https://aiworkspace.cn-hangzhou.aliyuncs.com",
            "https://aiworkspace-vpc.cn-hangzhou.aliyuncs.com",
        ),
        (DLC, "https://pai-dlc.cn-hangzhou.aliyuncs.com", "https://pai-dlc-vpc.cn-hangzhou.aliyuncs.com"),
    ],
    ids=["PaiStudio", "AIWorkSpace", "DLC"],
)
def test_each_service_has_its_host_in_each_network(service: Any, public: str, vpc: str) -> None:
    assert service_url(service, "cn-hangzhou") == public
    assert service_url(service, "cn-hangzhou", "vpc") == vpc


def test_oss_has_an_internal_host_in_a_vpc() -> None:
    assert oss_url("cn-hangzhou") == "https://oss-cn-hangzhou.aliyuncs.com"
    assert oss_url("cn-hangzhou", "vpc") == "https://oss-cn-hangzhou-internal.aliyuncs.com"


def test_the_console_link_is_pais() -> None:
    assert console_url("cn-hangzhou", "12345", "train1") == (
        "https://pai.console.aliyun.com/?regionId=cn-hangzhou&workspaceId=12345#/training/jobs/train1"
    )


@pytest.mark.parametrize("value", [{1}, float("nan"), b"x", {(1,): 2}, "\ud800", 10**5000, object()], ids=range(7))
def test_a_member_of_a_body_that_is_no_json_is_named(value: object) -> None:
    with pytest.raises(SpecError) as caught:
        Call(PAI_STUDIO, "X", "POST", "/x", dict, body={"fine": 1, "odd": {"deep": [value]}}).content()
    assert [problem.argument for problem in caught.value.problems] == ["odd"]


@pytest.mark.parametrize("body", [[1], "text", {1: 2, "a": 3}])
def test_a_body_that_is_no_dict_of_names_is_refused(body: Any) -> None:
    with pytest.raises(SpecError, match=r"^config must"):
        Call(PAI_STUDIO, "X", "POST", "/x", dict, body=body).content()


def test_parameters_that_are_not_given_are_left_out_and_others_must_be_texts() -> None:
    assert present({"a": None, "b": "", "c": "x"}) == {"c": "x"}
    for odd in (0, False, [], {}):
        with pytest.raises(SpecError, match=r"^a must be a text"):
            present({"a": odd})  # type: ignore[dict-item]
