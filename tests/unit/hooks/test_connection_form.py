from __future__ import annotations

import json
from itertools import pairwise

from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.connection import _FORMS
from airflow_provider_pai.hooks.connection_form import FIELDS, conn_fields
from airflow_provider_pai.provider_info import get_provider_info

FORM = get_provider_info()["connection-types"][0]


def test_the_few_fields_that_matter_come_first_and_the_others_in_groups() -> None:
    groups = [field.group for field in FIELDS.values()]
    assert groups[:3] == ["", "", ""]
    assert "" not in groups[3:]
    assert sorted(groups) != groups[::-1]
    assert len(dict.fromkeys(groups)) == sum(one != other for one, other in pairwise(groups)) + 1


def test_both_forms_are_made_of_one_table() -> None:
    older = PAIBaseHook.get_ui_field_behaviour()
    newer = FORM["ui-field-behaviour"]
    assert newer["placeholders"] == older["placeholders"]
    assert newer["relabeling"] == older["relabeling"]
    assert sorted(newer["hidden-fields"]) == sorted(older["hidden_fields"])
    assert list(FORM["conn-fields"]) == list(FIELDS)


def test_every_field_that_takes_a_text_has_a_placeholder() -> None:
    placeholders = FORM["ui-field-behaviour"]["placeholders"]
    texts = {name for name, field in FIELDS.items() if field.kind in ("string", "integer")}
    assert texts <= placeholders.keys()
    assert {"login", "password", "extra"} <= placeholders.keys()


def test_no_field_shows_null_as_a_value() -> None:
    for field in conn_fields().values():
        schema = field["schema"]
        assert None not in [*schema.get("enum", ()), *schema.get("examples", ())]
        assert "null" not in json.dumps({**schema, "type": ""})


def test_every_field_of_the_form_is_checked() -> None:
    assert set(FIELDS) <= set(_FORMS)
