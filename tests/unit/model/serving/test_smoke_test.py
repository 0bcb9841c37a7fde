from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest, read_smoke_test, response_problem


@pytest.mark.parametrize(
    ("members", "answer", "wrong"),
    [
        ({}, Answer(200, ""), ""),
        ({}, Answer(500, "oops"), ""),
        ({"expect_status": 200}, Answer(500, "oops"), "the answer's status is 500, not 200; it says 'oops'"),
        ({"expect_status": 422}, Answer(422, "{}"), ""),
        ({"expect_contains": "well"}, Answer(200, "all is well"), ""),
        ({"expect_contains": "well"}, Answer(200, "ill"), "the answer does not hold 'well'"),
        ({"expect_json": {"a": 1}}, Answer(200, '{"a": 1, "b": 2}'), ""),
        ({"expect_json": {"a": {"b": [1, {"c": 2}]}}}, Answer(200, '{"a": {"b": [1, {"c": 2, "d": 3}]}}'), ""),
        ({"expect_json": {"a": 1}}, Answer(200, '{"b": 2}'), "in the answer ['a'] is missing"),
        ({"expect_json": {"a": [1]}}, Answer(200, '{"a": [1, 2]}'), "in the answer ['a'] is [1, 2], not [1]"),
        ({"expect_json": {"a": [1]}}, Answer(200, '{"a": [2]}'), "in the answer ['a'][0] is 2, not 1"),
        ({"expect_json": [0.1]}, Answer(200, "[0.10000000000000001]"), ""),
        ({"expect_json": {"a": True}}, Answer(200, '{"a": 1}'), "in the answer ['a'] is 1, not True"),
        ({"expect_json": {}}, Answer(200, "no json"), "the answer is no JSON"),
        ({"expect_json": 3}, Answer(200, "4"), "in the answer as a whole is 4, not 3"),
    ],
)
def test_an_answer_is_as_it_must_be_or_it_is_said_what_is_not(
    members: dict[str, Any], answer: Answer, wrong: str
) -> None:
    found = response_problem(SmokeTest(**members), answer)
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_a_long_answer_is_cut() -> None:
    assert len(response_problem(SmokeTest(expect_status=200), Answer(500, "x" * 100_000))) < 500


@pytest.mark.parametrize(
    ("answer", "routed"),
    [
        (Answer(503, "no healthy upstream"), False),
        (Answer(503, ""), False),
        (Answer(404, ""), False),
        (Answer(404, "Not Found"), True),
        (Answer(503, "busy"), True),
        (Answer(200, ""), True),
        (Answer(500, ""), True),
    ],
)
def test_the_gateways_own_answers_are_known(answer: Answer, routed: bool) -> None:
    assert answer.is_routed is routed


def test_a_request_with_a_body_is_a_post() -> None:
    assert read_smoke_test(None) == (None, [])
    health = SmokeTest(path="/health", expect_status=200, timeout=3.0)
    assert read_smoke_test({"path": "/health", "timeout": 3}) == (health, [])
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Empty": "", "X_1": "caf\u00e9"}
    assert read_smoke_test({"headers": headers}) == (SmokeTest(headers=headers, expect_status=200), [])
    assert read_smoke_test({"json": {"x": 1}}) == (SmokeTest("POST", json={"x": 1}, expect_status=200), [])
    assert read_smoke_test({"data": "x", "method": "PUT"}) == (SmokeTest("PUT", data="x", expect_status=200), [])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("GET /", "smoke_test must be a dict"),
        ({"pth": "/"}, "smoke_test has the unknown member 'pth'; it may have method, path"),
        ({"method": "FETCH"}, "smoke_test['method'] must be one of GET"),
        ({"path": "health"}, "smoke_test['path'] must begin with a slash"),
        ({"json": 1, "data": "1"}, "smoke_test: 'json' and 'data' contradict each other"),
        ({"json": {1, 2}}, "smoke_test['json'] must be a JSON value"),
        ({"data": b"x"}, "smoke_test['data'] must be a text"),
        ({"headers": {"a": 1}}, "smoke_test['headers'] must be a dict of texts"),
        ({"headers": {"X-Name": "\u540d"}}, "smoke_test['headers']['X-Name'] must be one line of Latin-1"),
        ({"headers": {"X-Name": "a\r\nb"}}, "smoke_test['headers']['X-Name'] must be one line of Latin-1"),
        ({"headers": {"X-Name": " a"}}, "smoke_test['headers']['X-Name'] must be one line of Latin-1"),
        ({"headers": {"X Name": "a"}}, "smoke_test['headers'] has 'X Name', which is no name"),
        ({"headers": {"\u540d": "a"}}, "smoke_test['headers'] has '\u540d', which is no name"),
        ({"data": "\ud800"}, "smoke_test['data'] holds half a character"),
        ({"path": "/\ud800"}, "smoke_test['path'] holds half a character"),
        ({"expect_status": "fine"}, "smoke_test['expect_status'] must be a status"),
        ({"expect_status": 99}, "smoke_test['expect_status'] must be a status"),
        ({"expect_status": float("nan")}, "smoke_test['expect_status'] must be a status"),
        ({"expect_json": object()}, "smoke_test['expect_json'] must be a JSON value"),
        ({"expect_contains": 5}, "smoke_test['expect_contains'] must be a text"),
        ({"timeout": 0}, "smoke_test['timeout'] must be a number of seconds above 0"),
        ({"timeout": float("inf")}, "smoke_test['timeout'] must be a number of seconds above 0"),
    ],
)
def test_a_test_that_can_not_be_made_is_refused(value: Any, said: str) -> None:
    test, problems = read_smoke_test(value)
    assert test is None
    assert len(problems) == 1
    assert str(problems[0]).startswith(said)
