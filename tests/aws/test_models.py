"""The reduced models of AWS's services: every call that Atoll makes, checked as by the whole model, and little else."""

from typing import Any

import pytest

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.config import AwsConfig, Credentials
from atoll.backends.aws.models import reduced
from atoll.backends.aws.permissions import ACTIONS

CONFIG = AwsConfig(Credentials("AKIATESTONLY", "not-a-secret"), ("us-east-1", "eu-west-1"))


@pytest.fixture(scope="module")
def clients() -> Clients:
    return Clients(CONFIG)


def operations(client: Any) -> dict[str, str]:
    mapping: dict[str, str] = client.meta.method_to_api_mapping
    return mapping


def test_every_call_that_atoll_makes_has_its_operation_with_all_shapes(clients: Clients) -> None:
    import botocore.session

    whole = botocore.session.get_session()
    for service in sorted({service for service, _ in ACTIONS}):
        client = clients._client("us-east-1", service)
        mine, full = client.meta.service_model, whole.get_service_model(service)
        for method in [name for owner, name in ACTIONS if owner == service]:
            name = operations(client)[method]
            for part in ("input_shape", "output_shape"):
                assert shape(getattr(mine.operation_model(name), part)) == shape(
                    getattr(full.operation_model(name), part)
                )


def shape(found: Any, above: tuple[str, ...] = ()) -> Any:
    """A shape with its members, less its documentation."""
    if found is None or found.name in above:
        return None if found is None else found.name
    above = (*above, found.name)
    members = getattr(found, "members", {})
    inner = [getattr(found, name, None) for name in ("member", "key", "value")]
    return (
        found.name,
        found.type_name,
        found.serialization,
        sorted(getattr(found, "required_members", [])),
        {name: shape(member, above) for name, member in members.items()},
        [shape(each, above) for each in inner if each is not None],
    )


def test_the_models_have_few_other_operations(clients: Clients) -> None:
    found = len(operations(clients._client("us-east-1", "ec2")))
    assert found <= len(ACTIONS)


def test_regions_share_the_client_of_the_prices(clients: Clients) -> None:
    assert clients._client("us-east-1", "pricing") is clients._client("eu-west-1", "pricing")
    assert clients._client("us-east-1", "ec2") is not clients._client("eu-west-1", "ec2")


def test_a_reduced_model_keeps_the_shapes_that_its_operations_reach_and_members_named_documentation() -> None:
    content = b"""{"metadata": {"apiVersion": "1"}, "operations": {
        "Get": {"name": "Get", "documentation": "text", "input": {"shape": "In"}},
        "Put": {"name": "Put", "input": {"shape": "Other"}}},
        "shapes": {"In": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
        "Text": {"type": "string", "documentation": "text"}, "Other": {"type": "string"}}}"""
    assert reduced(content, {"get"}) == {
        "version": "",
        "metadata": {"apiVersion": "1"},
        "operations": {"Get": {"name": "Get", "input": {"shape": "In"}}},
        "shapes": {
            "In": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Text": {"type": "string"},
        },
    }
