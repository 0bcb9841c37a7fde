"""The page as it is sent."""

from __future__ import annotations

import base64
import hashlib
import re

from airflow_provider_pai.plugin.page import training_page


def test_the_page_is_one_document_that_allows_exactly_its_own_scripts() -> None:
    page = training_page()
    scripts = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    assert len(scripts) == 2
    for text in scripts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert "default-src 'none'" in page.policy
    assert "unsafe" not in page.policy


def test_nothing_of_the_page_is_from_another_host_or_set_as_markup() -> None:
    html = training_page().html
    addresses = set(re.findall(r"https?://[^\s\"']+", html))
    assert addresses == {"http://www.w3.org/2000/svg"}
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " onclick", " style="):
        assert way not in html
