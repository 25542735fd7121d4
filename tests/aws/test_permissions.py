"""The IAM policy of the documentation covers every call that the code can make, and nothing else."""

import json
import re
from pathlib import Path

import pytest

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.config import AwsConfig
from atoll.backends.aws.permissions import ACTIONS, policy

ROOT = Path(__file__).parents[2]
_CALL = re.compile(r'"(ec2|ssm|pricing|service-quotas|sts)",\s*"([a-z_]+)"')


def test_the_policy_in_the_documentation_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "backends" / "aws.md").read_text()
    [block] = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)
    assert json.loads(block) == json.loads(policy())


def test_the_code_makes_the_calls_of_the_table_and_no_others() -> None:
    files = [path for path in (ROOT / "src/atoll/backends/aws").glob("*.py") if path.name != "permissions.py"]
    made = {call for path in files for call in _CALL.findall(path.read_text())}
    assert made | {("sts", "assume_role")} == set(ACTIONS)


async def test_a_call_outside_the_table_cannot_be_made() -> None:
    clients = Clients(AwsConfig())
    with pytest.raises(KeyError):
        await clients.call("us-east-1", "ec2", "delete_vpc", VpcId="vpc-1")
    clients.close()
