"""Addresses of pages."""

from __future__ import annotations

import pytest

from airflow_provider_pai.api.endpoints import oss_page

PAGE = "https://oss.console.aliyun.com/bucket/oss-cn-hangzhou/models/object?path="


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("oss://models/churn/v1/", f"{PAGE}churn%2Fv1%2F"),
        ("oss://models.oss-cn-hangzhou-internal.aliyuncs.com/churn/", f"{PAGE}churn%2F"),
        ("oss://models/a b&c", f"{PAGE}a%20b%26c"),
        ("/ml/output/model/", ""),
        ("d-dataset/v1", ""),
    ],
)
def test_a_folder_has_its_page_in_the_console_of_oss(uri: str, page: str) -> None:
    assert oss_page("cn-hangzhou", uri) == page
