"""Nothing is accepted and forgotten: each member and parameter of the vendor's request models is heard.

Heard means: it changes the answer or what is to be seen then, or it is refused by its name, or it is on the short list
of members without effect on a laptop, which the job's log names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.http.operations import OPERATIONS, Operation
from airflow_provider_pai.local.http.query_names import QUERY_NAMES
from airflow_provider_pai.local.jobs.without_effect import WITHOUT_EFFECT, lines_without_effect
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from devtools import fidelity
from devtools.sdk_members import VERSIONS, Member, request_members
from tests.support.every_member import EveryMember, put
from tests.support.settled_services import SettledServices

MODELLED = [operation for operation in OPERATIONS if operation.service.version in VERSIONS]
MEMBERS = [
    (operation, member)
    for operation in MODELLED
    for member in request_members(operation.service.version, operation.action)
    # The configuration of a service is a JSON of its own, with a table of its own.
    if member.path != "body"
]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EveryMember]:
    fleets: list[SettledServices] = []

    def fleet(store: ServiceStore) -> SettledServices:
        fleets.append(SettledServices(store))
        return fleets[-1]

    with LocalPAI(tmp_path_factory.mktemp("pai"), sandbox=Mode.PLAIN, slots=1, service_runtime=fleet) as pai:
        asked = EveryMember(pai, fleets[-1])
        yield asked
        asked.client.close()


@pytest.mark.parametrize(
    ("operation", "member"), MEMBERS, ids=[f"{operation.action}-{member.path}" for operation, member in MEMBERS]
)
def test_each_member_is_heard(every: EveryMember, operation: Operation, member: Member) -> None:
    assert every.hears(operation, member), f"{operation.action} takes {member.path} and forgets it"


@pytest.mark.parametrize(
    ("operation", "member"), MEMBERS, ids=[f"{operation.action}-{member.path}" for operation, member in MEMBERS]
)
def test_the_table_says_of_each_member_whether_it_is_refused(
    every: EveryMember, operation: Operation, member: Member
) -> None:
    treated, _ = fidelity.treatment(operation.action, member.path)
    assert every.refuses(operation, member) is (treated == fidelity.REFUSES)


def test_the_page_is_up_to_date_and_its_figure_holds() -> None:
    page = fidelity.text()
    assert fidelity.PAGE.read_text(encoding="utf-8") == page, "run: python -m devtools.fidelity"
    figure = re.search(r" 0 ignored in silence.* ([0-9.]+) % are served or refused as documented", page)
    assert figure is not None
    assert float(figure[1]) >= 95


def test_each_operations_parameters_are_those_of_the_vendors_model() -> None:
    for operation in MODELLED:
        members = request_members(operation.service.version, operation.action)
        assert set(QUERY_NAMES.get(operation.action, ())) <= {member.path for member in members}, operation.action
        if operation.method in ("GET", "DELETE"):
            missing = {member.path for member in members} - set(QUERY_NAMES.get(operation.action, ()))
            assert not missing, f"{operation.action} refuses {missing}"


@pytest.mark.parametrize("operation", MODELLED, ids=lambda operation: operation.action)
def test_a_parameter_that_no_operation_has_is_refused_by_name(every: EveryMember, operation: Operation) -> None:
    path = operation.path.replace("{}", "x")
    answer = every.send(operation.action, path, {"Zzz": "1"}, {} if operation.method in ("POST", "PUT") else None)
    assert f"The parameter Zzz is not supported: {operation.action} of local PAI" in answer["Error"]


@pytest.mark.parametrize("path", WITHOUT_EFFECT)
def test_the_log_names_each_member_without_effect(path: str) -> None:
    value = {"Options": '{"a": 1}', "Priority": 3, "UseSpotInstance": True}.get(path.rpartition(".")[2], "zzz")
    body: dict[str, object] = {"ComputeResource": {"EcsSpec": "x"}, "AlgorithmSpec": {}}
    put(body, path, value)
    assert [*lines_without_effect(body)] == [
        f"{path.replace('[]', '')} is taken without effect: {WITHOUT_EFFECT[path]}"
    ]
