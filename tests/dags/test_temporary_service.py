"""The example whose service lives as long as the tests need it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import NotFoundError
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.testing.local_pai import PAITestServer

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("most", "state"), [("0.5", "success"), ("-1.0", "failed")])
def test_a_service_for_tests_is_gone_after_them_however_they_end(tmp_path: Path, most: str, state: str) -> None:
    shutil.copytree(REPOSITORY / "example_dags", tmp_path / "dags")
    example = tmp_path / "dags" / "temporary_service.py"
    text = example.read_text()
    assert '"least": 0.0, "most": 0.5}' in text
    example.write_text(text.replace('"least": 0.0, "most": 0.5}', f'"least": 0.0, "most": {most}}}'))
    with LocalPAI(tmp_path / "pai", cache=REPOSITORY / ".demo" / "cache" / "environments") as cloud:
        run = PAITestServer(cloud, "pai_default").run_dag(example)
        assert run.state == state, run.output
        assert run.xcom("delete") == ["breast_cancer_trial"]
        ready = cloud.ready
        keys = KeyPair(ready.access_key_id, ready.access_key_secret)
        client = PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api))
        with pytest.raises(NotFoundError):
            client.send(describe_service(ready.region_id, "breast_cancer_trial"))
        client.close()
