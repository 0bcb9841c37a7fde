from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pai.api.call import decode_answer
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.api.images import get_image, list_images, official_labels, workspace_labels
from airflow_provider_pai.errors import NotFoundError, ProtocolError
from airflow_provider_pai.model.images.row import parse_images

ROW = {
    "ImageId": "image-0123456789abcdef01",
    "Name": "pytorch-training:1.12-cpu-py39-ubuntu20.04",
    "ImageUri": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
}


def content(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_list_asks_for_a_page_with_labels() -> None:
    call = list_images()
    assert (call.service, call.action, call.method, call.path) == (AI_WORKSPACE, "ListImages", "GET", "/api/v1/images")
    assert call.query == {"PageNumber": "1", "PageSize": "50", "Verbose": "true"}
    assert (call.content(), call.idempotent) == (b"", True)


def test_list_sends_what_is_asked_for() -> None:
    call = list_images(
        labels=official_labels("training", "CPU"),
        name="pytorch",
        workspace_id="12345",
        sort_by="GmtCreateTime",
        order="DESC",
        page_number=3,
        page_size=20,
        verbose=False,
    )
    assert call.query == {
        "Labels": "system.official=true,system.supported.dlc=true,system.chipType=CPU",
        "Name": "pytorch",
        "WorkspaceId": "12345",
        "SortBy": "GmtCreateTime",
        "Order": "DESC",
        "PageNumber": "3",
        "PageSize": "20",
        "Verbose": "false",
    }


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("training", "system.supported.dlc"),
        ("inference", "system.supported.eas"),
        ("develop", "system.supported.dsw"),
    ],
)
def test_each_kind_has_its_label(kind: Any, label: str) -> None:
    assert official_labels(kind) == {"system.official": "true", label: "true"}


def test_a_page_carries_its_rows_the_total_and_the_images_that_can_be_read() -> None:
    odd = {"ImageId": "image-odd", "ImageUri": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/easyrec"}
    body = {"RequestId": "R", "Images": [odd, ROW], "TotalCount": 41}
    page = decode_answer(list_images(), 200, {}, content(body))
    assert (page.items, page.total) == ((odd, ROW), 41)
    assert [image.image_id for image in parse_images(page.items)] == ["image-0123456789abcdef01"]


def test_an_empty_catalog_is_a_page_without_rows() -> None:
    page = decode_answer(list_images(), 200, {}, content({"RequestId": "R", "TotalCount": 0}))
    assert (page.items, page.total) == ((), 0)


@pytest.mark.parametrize("body", [{"Images": {"a": 1}}, {"Images": [1]}, {"Images": [], "TotalCount": "many"}])
def test_an_answer_of_another_form_is_a_protocol_error(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="ListImages"):
        decode_answer(list_images(), 200, {}, content(body))


def test_get_gives_back_the_id_that_the_answer_leaves_out() -> None:
    call = get_image("image-0123456789abcdef01")
    assert (call.service, call.action, call.method) == (AI_WORKSPACE, "GetImage", "GET")
    assert (call.path, call.query) == ("/api/v1/images/image-0123456789abcdef01", {"Verbose": "true"})
    sent = {name: value for name, value in ROW.items() if name != "ImageId"}
    assert decode_answer(call, 200, {}, content({"RequestId": "R", **sent})) == ROW


def test_an_image_id_cannot_change_the_path() -> None:
    assert get_image("../trainingjobs?x", verbose=False).path == "/api/v1/images/..%2Ftrainingjobs%3Fx"


def test_an_unknown_image_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="GetImage"):
        decode_answer(get_image("image-x"), 404, {}, content({"Code": "ImageNotFound", "Message": "no such image"}))


def test_a_workspaces_own_images_are_those_that_are_not_official() -> None:
    assert list_images(labels=workspace_labels()).query["Labels"] == "system.official=false"
