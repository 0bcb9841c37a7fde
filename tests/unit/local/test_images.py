from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_pai.local.catalogs.catalog import LocalImageCatalog, official_rows
from airflow_provider_pai.local.catalogs.images import routes
from airflow_provider_pai.local.http.response import ErrorResponse, error_response
from airflow_provider_pai.local.records import Records
from airflow_provider_pai.model.images.image import ImageQuery, choose
from airflow_provider_pai.model.images.row import parse_images

NOW = datetime(2026, 11, 2, 3, 4, 5, 678_900, tzinfo=UTC)
LIST = "/api/v1/images"
ALL = {"PageSize": "100"}
OWN = {"Name": "my-image", "ImageUri": "registry.cn-hangzhou.aliyuncs.com/me/mine:1"}


class Server:
    """The routes behind HTTP, answering as local PAI's server does."""

    def __init__(self, catalog: LocalImageCatalog) -> None:
        def on_refusal(request: Request, error: Exception) -> Response:
            assert isinstance(error, ErrorResponse)
            return error_response(error, request.url.netloc)

        self._app = Starlette(routes=routes(catalog, "1", lambda: NOW), exception_handlers={ErrorResponse: on_refusal})

    def ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
                return await client.request(method, path, params=query, json=body)

        return asyncio.run(send())

    def get(self, path: str = LIST, **query: str) -> dict[str, Any]:
        answer = self.ask("GET", path, query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def names(self, **query: str) -> list[str]:
        return [row["Name"] for row in self.get(**ALL, **query)["Images"]]

    def add(self, **body: Any) -> str:
        answer = self.ask("POST", LIST, body={**OWN, **body})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ImageId"])

    def refusal(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[int, str]:
        answer = self.ask(method, path, query, body)
        assert set(answer.json()) == {"RequestId", "Code", "Message", "HostId"}
        return answer.status_code, answer.json()["Code"]


@pytest.fixture
def server() -> Server:
    return Server(LocalImageCatalog("cn-hangzhou"))


def test_rows_have_the_services_form() -> None:
    rows = official_rows("cn-beijing")
    for row in rows:
        assert re.fullmatch(r"image-[0-9a-z]{18}", row["ImageId"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["GmtCreateTime"])
        assert datetime.fromisoformat(row["GmtCreateTime"]).tzinfo is UTC
        assert re.fullmatch(r"\S+\.cn-beijing\.\S+/\S+:\S+", row["ImageUri"])
        assert {"Key": "system.official", "Value": "true"} in row["Labels"]
    assert len({row["ImageId"] for row in rows}) == len(rows)
    assert "registry.cn-beijing.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04" in {
        row["ImageUri"] for row in rows
    }


@pytest.mark.parametrize(
    ("framework", "accelerator", "version"),
    [
        ("PyTorch", "CPU", "1.12"),
        ("PyTorch", "GPU", "2.4.0"),
        ("TensorFlow", "CPU", "2.3"),
        ("TensorFlow", "GPU", "2.10"),
        ("XGBoost", "CPU", "1.6.0"),
    ],
)
def test_latest_of_the_catalog_is_the_newest_version(framework: str, accelerator: str, version: str) -> None:
    images = parse_images(official_rows("cn-hangzhou"))
    assert choose(images, ImageQuery(framework, accelerator_type=accelerator)).version == version


def test_some_rows_name_no_framework_version_as_in_the_cloud() -> None:
    rows = official_rows("cn-hangzhou")
    readable = {image.name for image in parse_images(rows)}
    assert {row["Name"] for row in rows} - readable == {
        "pytorch-training:cuda11.3.1-cudnn8-devel-ubuntu20.04-py38-0625",
        "easyrec:py36-tf1.15-0.7.4",
        "python-inference:py39-ubuntu2004",
        "vllm:0.14.0-gpu",
    }


def test_an_answer_has_the_services_form(server: Server) -> None:
    answer = server.ask("GET", LIST)
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.headers["x-acs-request-id"] == answer.json()["RequestId"]
    assert set(answer.json()) == {"RequestId", "Images", "TotalCount"}


def test_the_request_of_pais_sdk_finds_its_images(server: Server) -> None:
    body = server.get(
        Labels="system.official=true,system.supported.dlc=true,system.chipType=CPU",
        Name="pytorch",
        SortBy="GmtCreateTime",
        Order="DESC",
        PageNumber="1",
        PageSize="50",
        Verbose="True",
    )
    assert [row["Name"] for row in body["Images"]] == [
        "pytorch-training:1.12-cpu-py39-ubuntu20.04",
        "pytorch-training:1.8-cpu-py36-ubuntu18.04",
    ]
    assert body["TotalCount"] == 2


def test_all_labels_must_match(server: Server) -> None:
    assert server.names(Labels="system.framework=XGBoost 1.6.0,system.official=true") == [
        "xgboost-training:1.6.0-cpu-py36-ubuntu18.04"
    ]
    assert server.names(Labels="system.framework=XGBoost 1.6.0,system.official=false") == []


def test_a_star_matches_any_value_of_a_label(server: Server) -> None:
    assert server.names(Labels="system.framework.XGBoost=*") == [
        "xgboost-training:1.6.0-cpu-py36-ubuntu18.04",
        "xgboost-inference:1.7.1-py38-cpu-ubuntu20.04",
    ]


@pytest.mark.parametrize("verbose", ["false", "False", ""])
def test_labels_are_shown_only_when_asked_for(server: Server, verbose: str) -> None:
    assert all("Labels" not in row for row in server.get(Verbose=verbose)["Images"])
    assert all("Labels" not in row for row in server.get()["Images"])
    assert all(row["Labels"] for row in server.get(Verbose="true")["Images"])


def test_names_match_in_part_and_without_case_unless_asked_otherwise(server: Server) -> None:
    name = "xgboost-training:1.6.0-cpu-py36-ubuntu18.04"
    assert server.names(Name="XGBoost-Train") == [name]
    for options in ("ExactMatchName", '{"ExactMatchName": true}'):
        assert server.names(Name="xgboost", Options=options) == []
        assert server.names(Name=name, Options=options) == [name]


def test_query_searches_name_and_description(server: Server) -> None:
    server.add(Description="Trains Ranking models")
    assert server.names(Query="ranking") == ["my-image"]
    assert server.names(Query="my-im") == ["my-image"]


def test_an_image_is_found_by_its_uri(server: Server) -> None:
    uri = "eas-registry-vpc.cn-hangzhou.cr.aliyuncs.com/pai-eas/vllm:0.14.0-gpu"
    assert server.names(ImageUri=uri) == ["vllm:0.14.0-gpu"]
    assert server.names(ImageUri=uri[:-1]) == []


def test_rows_are_sorted_by_creation_time_when_asked(server: Server) -> None:
    times = [row["GmtCreateTime"] for row in server.get(**ALL, SortBy="GmtCreateTime")["Images"]]
    newest_first = server.get(**ALL, SortBy="GmtCreateTime", Order="DESC")["Images"]
    assert times == sorted(times)
    assert [row["GmtCreateTime"] for row in newest_first] == times[::-1]
    assert server.names(Order="DESC") == server.names()


def test_pages_together_are_the_whole_catalog(server: Server) -> None:
    total = server.get()["TotalCount"]
    pages = [server.get(PageNumber=str(n), PageSize="4")["Images"] for n in range(1, total // 4 + 3)]
    assert [row["Name"] for page in pages for row in page] == server.names()
    assert pages[-1] == []
    assert len(pages[0]) == 4


def test_a_page_has_twenty_rows_unless_asked_otherwise(server: Server) -> None:
    assert len(server.get()["Images"]) == 20
    assert server.get()["TotalCount"] > 20


@pytest.mark.parametrize(
    "query",
    [
        {"SortBy": "Name"},
        {"Order": "down"},
        {"PageNumber": "0"},
        {"PageNumber": "-1"},
        {"PageNumber": "one"},
        {"PageSize": "0"},
        {"PageSize": "1.5"},
        {"Verbose": "maybe"},
        {"Accessibility": "SECRET"},
        {"Labels": "system.official"},
        {"Labels": "=true"},
        {"Labels": '{"system.official":"true"}'},
        {"Options": "[]"},
        {"Options": "{"},
    ],
)
def test_a_bad_parameter_is_refused_in_the_services_form(server: Server, query: dict[str, str]) -> None:
    assert server.refusal("GET", LIST, query) == (400, "InvalidParameter")


def test_get_answers_the_row_without_its_id(server: Server) -> None:
    row = server.get(Verbose="true")["Images"][0]
    image_id = row.pop("ImageId")
    found = server.get(f"{LIST}/{image_id}", Verbose="true")
    del found["RequestId"]
    assert found == row
    assert "Labels" not in server.get(f"{LIST}/{image_id}")


def test_an_unknown_image_is_not_found(server: Server) -> None:
    assert server.refusal("GET", f"{LIST}/image-000000000000000000") == (404, "ImageNotFound")
    assert server.refusal("DELETE", f"{LIST}/image-000000000000000000") == (404, "ImageNotFound")


def test_labels_are_listed_once_each(server: Server) -> None:
    body = server.get("/api/v1/image/labels", LabelKeys="system.chipType,system.official")
    assert body["Labels"] == [
        {"Key": "system.chipType", "Value": "CPU"},
        {"Key": "system.chipType", "Value": "GPU"},
        {"Key": "system.official", "Value": "true"},
    ]
    assert body["TotalCount"] == 3


def test_labels_are_listed_of_one_image_or_of_those_that_match(server: Server) -> None:
    path = "/api/v1/image/labels"
    xgboost = server.get(Name="xgboost", Verbose="true")["Images"][0]
    of_image = server.get(path, ImageId=xgboost["ImageId"])["Labels"]
    assert of_image == sorted(xgboost["Labels"], key=lambda label: label["Key"])
    assert server.get(path, LabelFilter="system.framework=XGBoost 1.6.0")["Labels"] == of_image
    assert server.refusal("GET", path, {"LabelFilter": "x"}) == (400, "InvalidParameter")


def test_an_added_image_belongs_to_its_workspace(server: Server) -> None:
    image_id = server.add(WorkspaceId="7", Size=2, Labels=[{"Key": "system.chipType", "Value": "GPU"}])
    assert re.fullmatch(r"image-[0-9a-z]{18}", image_id)
    assert "my-image" in server.names(WorkspaceId="7")
    assert "my-image" not in server.names(WorkspaceId="8")
    assert "my-image" not in server.names()
    assert set(server.names()) < set(server.names(WorkspaceId="7"))
    found = server.get(f"{LIST}/{image_id}", Verbose="true")
    del found["RequestId"]
    assert found == {
        **OWN,
        "WorkspaceId": "7",
        "Accessibility": "PUBLIC",
        "SourceType": "Import",
        "Size": 2 * 1024**3,
        "GmtCreateTime": "2026-11-02T03:04:05.678Z",
        "GmtModifiedTime": "2026-11-02T03:04:05.678Z",
        "Labels": [{"Key": "system.official", "Value": "false"}, {"Key": "system.chipType", "Value": "GPU"}],
    }


def test_a_request_without_workspace_means_the_default_one(server: Server) -> None:
    server.add()
    assert "my-image" in server.names()
    assert "my-image" in server.names(WorkspaceId="1")


def test_accessibility_concerns_added_images_only(server: Server) -> None:
    official = server.names()
    server.add(Accessibility="PRIVATE")
    assert server.names(Accessibility="PRIVATE") == [*official, "my-image"]
    assert server.names(Accessibility="PUBLIC") == official


@pytest.mark.parametrize(
    "body",
    [
        {"Name": ""},
        {"Name": None},
        {"Name": "My-image"},
        {"Name": "1image"},
        {"Name": "my_image"},
        {"Name": "a" * 51},
        {"Name": "image\n"},
        {"ImageUri": None},
        {"ImageUri": "a b"},
        {"ImageId": "image-1"},
        {"Accessibility": "SECRET"},
        {"SourceType": "Magic"},
        {"Size": "2"},
        {"Size": -1},
        {"Size": True},
        {"Labels": {"a": "b"}},
        {"Labels": ["a"]},
        {"Labels": [{"Key": "a"}]},
        {"Labels": [{"Key": "system.official", "Value": "true"}]},
    ],
)
def test_a_bad_image_is_refused_and_not_added(server: Server, body: dict[str, Any]) -> None:
    before = server.names()
    assert server.refusal("POST", LIST, body={**OWN, **body}) == (400, "InvalidParameter")
    assert server.names() == before


@pytest.mark.parametrize("body", [[], "text", None])
def test_a_body_that_is_no_object_is_refused(server: Server, body: Any) -> None:
    assert server.refusal("POST", LIST, body=body) == (400, "InvalidParameter")


def test_a_name_may_have_fifty_characters(server: Server) -> None:
    server.add(Name="a" * 50)
    assert "a" * 50 in server.names()


def test_a_name_is_taken_within_its_workspace_only(server: Server) -> None:
    server.add(WorkspaceId="7")
    server.add(WorkspaceId="8")
    assert server.refusal("POST", LIST, body={**OWN, "WorkspaceId": "7"}) == (409, "ImageAlreadyExists")


def test_an_id_is_taken_everywhere(server: Server) -> None:
    image_id = server.add(ImageId="image-000000000000000Abc")
    body = {**OWN, "ImageId": image_id, "WorkspaceId": "9"}
    assert server.refusal("POST", LIST, body=body) == (409, "ImageAlreadyExists")


def test_a_removed_image_is_gone(server: Server) -> None:
    image_id = server.add()
    assert server.ask("DELETE", f"{LIST}/{image_id}").status_code == 200
    assert "my-image" not in server.names()
    assert server.refusal("GET", f"{LIST}/{image_id}") == (404, "ImageNotFound")


def test_an_official_image_cannot_be_removed(server: Server) -> None:
    row = server.get()["Images"][0]
    assert server.refusal("DELETE", f"{LIST}/{row['ImageId']}") == (403, "NoPermission")
    assert row["Name"] in server.names()


def test_added_images_are_kept_after_each_change_and_come_back(tmp_path: Path) -> None:
    table = Records(tmp_path).table("images")
    server = Server(LocalImageCatalog("cn-hangzhou", table))
    image_id = server.add()
    assert list(table.rows()) == [image_id]
    again = Server(LocalImageCatalog("cn-hangzhou", table))
    assert "my-image" in again.names()
    again.ask("DELETE", f"{LIST}/{image_id}")
    assert table.rows() == {}


@pytest.mark.parametrize("name", ["TensorFlow", "XGBoost", "HuggingFace", "ModelScope", "PyTorch"])
def test_each_framework_has_inference_images_with_chip_labels(server: Server, name: str) -> None:
    chips = {
        label["Value"]
        for row in server.get(Verbose="true", PageSize="100")["Images"]
        if row["Name"].startswith(f"{name.lower()}-inference:")
        for label in row["Labels"]
        if label["Key"] == "system.chipType"
    }
    assert chips == ({"CPU"} if name == "XGBoost" else {"CPU", "GPU"})
