"""What Airflow makes of the provider's description of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_pai.configuration import OPTIONS
from airflow_provider_pai.hooks.connection_form import FIELDS
from airflow_provider_pai.links import PAIServiceLink, PAITrainingJobLink
from airflow_provider_pai.provider_info import get_provider_info
from tests.support.waits import PATIENCE

REPOSITORY = Path(__file__).parents[2]
# Airflow 2.11 makes its form of libraries that warn of each other when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(flask_|marshmallow_).*")


# Airflow 3 has moved the table of hooks to where 2.11 has none, and still reads it from there.
@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")
def test_airflow_knows_the_connection_type_and_its_hook() -> None:
    hook = ProvidersManager().hooks["pai"]
    assert hook is not None
    assert hook.hook_name == "Alibaba Cloud PAI"
    assert hook.connection_type == "pai"


# Airflow 3 warns that the table has moved, as above.
@pytest.mark.filterwarnings("ignore:ProvidersManager.* is deprecated")
def test_airflow_knows_the_fields_of_the_connections_form_and_which_are_secret() -> None:
    manager = ProvidersManager()
    assert manager.hooks["pai"] is not None
    found = {
        name.removeprefix("extra__pai__"): widget.is_sensitive
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__pai__")
    }
    assert found.keys() == FIELDS.keys()
    assert {name for name, secret in found.items() if secret} == {"security_token", "external_id"}
    behaviour = manager.field_behaviours["pai"]
    assert behaviour["relabeling"] == {"login": "Access Key ID", "password": "Access Key Secret"}
    assert behaviour["hidden_fields"] == ["host", "schema", "port"]


@pytest.mark.parametrize("kind", [PAITrainingJobLink, PAIServiceLink])
def test_airflow_knows_the_extra_links(kind: type) -> None:
    link = f"{kind.__module__}.{kind.__qualname__}"
    assert link in ProvidersManager().extra_links_class_names


def test_airflow_knows_the_option() -> None:
    options = dict(ProvidersManager().provider_configs)["airflow-provider-pai"]["pai"]["options"]
    assert "deployment_name" in options


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers", "retry-policies"])
def test_every_module_that_is_named_exists(kind: str) -> None:
    modules = [name for group in get_provider_info()[kind] for name in group["python-modules"]]
    assert modules
    for name in modules:
        import_module(name)


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_the_description_is_of_the_form_that_airflow_asks_for(schema: str) -> None:
    """The second schema is that of Airflow's own providers: it knows more members, and forbids others."""
    described = get_provider_info()
    form = json.loads((Path(airflow.__file__).parent / schema).read_text())
    known = {name: value for name, value in described.items() if name in form["properties"]}
    validator = jsonschema.validators.validator_for(form)(form)
    ours = ("package-name",)  # Airflow's own begin with apache-airflow-providers-
    assert [
        f"{error.json_path}: {error.message}"
        for error in validator.iter_errors(known)
        if error.path and error.path[0] not in ours
    ] == []


def test_each_guide_that_is_named_exists() -> None:
    guides = get_provider_info()["integrations"][0]["how-to-guide"]
    assert guides
    assert [guide for guide in guides if not (REPOSITORY / guide.removeprefix("/")).is_file()] == []


def test_airflow_lists_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__LABELS", "team=search")
    command = [sys.executable, "-m", "airflow", "config", "list", "--section", "pai", "--include-env-vars"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    for option in OPTIONS:
        assert option in listed.lower()
