"""What Airflow makes of the provider's description of itself."""

from __future__ import annotations

from importlib import import_module

import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_pai.hooks.connection_form import FIELDS
from airflow_provider_pai.links import PAIServiceLink, PAITrainingJobLink
from airflow_provider_pai.provider_info import get_provider_info

# Airflow 2.11 makes its form of libraries that warn of each other when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(flask_|marshmallow_).*")


# Airflow 3 has moved the table of hooks to where 2.11 has none, and reads it from there all the same.
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


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_that_is_named_exists(kind: str) -> None:
    modules = [name for group in get_provider_info()[kind] for name in group["python-modules"]]
    assert modules
    for name in modules:
        import_module(name)
