"""The configuration of the aws backend: dstack's keys as they are, Atoll's own, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from atoll.backends.aws.config import DEFAULT_REGIONS, AwsConfig, Image

DSTACK: dict[str, Any] = {
    "creds": {"type": "access_key", "access_key": "AKIAEXAMPLE", "secret_key": "very-secret"},
    "regions": ["us-west-2", "eu-west-1"],
    "vpc_ids": {"us-west-2": "vpc-0a2b3c4d5e6f7g8h"},
    "default_vpcs": True,
    "public_ips": False,
    "iam_instance_profile": "arn:aws:iam::111122223333:instance-profile/nodes",
    "tags": {"team": "research"},
    "os_images": {"cpu": {"name": "my-image", "owner": "123456789012", "user": "ubuntu"}},
}


def test_a_block_of_dstack_is_read_as_it_is() -> None:
    config = AwsConfig.from_mapping(DSTACK)
    assert config.regions == ("us-west-2", "eu-west-1")
    assert config.credentials.access_key == "AKIAEXAMPLE"
    assert config.vpc_ids == {"us-west-2": "vpc-0a2b3c4d5e6f7g8h"}
    assert not config.public_ips
    assert config.tags == {"team": "research"}
    assert config.cpu_image == Image(name="my-image", owner="123456789012")


def test_nothing_configured_is_the_default_chain_in_the_regions_of_every_account() -> None:
    config = AwsConfig.from_mapping({"creds": {"type": "default"}})
    assert config.regions == DEFAULT_REGIONS
    assert config.default_vpcs
    assert config.public_ips
    assert config.ssh_key_file is None


def test_secrets_are_not_in_the_text_of_a_configuration() -> None:
    role = {"creds": {"type": "role", "role_arn": "arn:aws:iam::1:role/atoll", "external_id": "id-of-a-customer"}}
    assert "very-secret" not in repr(AwsConfig.from_mapping(DSTACK))
    assert "id-of-a-customer" not in repr(AwsConfig.from_mapping(role))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"region": "us-east-1"}, "no setting `region`; did you mean `regions`?"),
        ({"regions": ["virginia"]}, "'virginia' is not a region's name, such as us-east-1"),
        ({"creds": {"type": "password"}}, "one of default, access_key, profile, role"),
        ({"creds": {"type": "access_key", "access_key": "AKIA"}}, "needs `secret_key`"),
        ({"creds": {"type": "default", "secret_key": "very-secret"}}, "with type default has no key `secret_key`"),
        ({"public_ips": "no"}, "`public_ips` of the aws backend: true or false"),
        ({"tags": {"atoll-owner": "me"}}, "the key 'atoll-owner' is reserved"),
        ({"os_images": {"gpu": {"name": "x"}}}, "cpu and nvidia, not `gpu`"),
        ({"os_images": {"cpu": {}}}, "needs `id`, `parameter` or `name`"),
        ({"ssh_sources": ["10.0.0.1/8"]}, "has host bits set"),
        ({"proxy_jump": {"user": "me"}}, "needs `hostname`"),
        ({"silent_seconds": 5}, "between 30 and 86400"),
        ({"disk_size": 4}, "between 8 and 16384"),
        ({"vpc_ids": ["vpc-1"]}, "`vpc_ids` of the aws backend must be a mapping"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_right(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="aws backend") as refused:
        AwsConfig.from_mapping(mapping)
    assert message in str(refused.value)
    assert "very-secret" not in str(refused.value)


def test_the_key_file_may_be_in_the_home_folder() -> None:
    config = AwsConfig.from_mapping({"ssh_key_file": "~/key"})
    assert config.ssh_key_file == Path.home() / "key"
