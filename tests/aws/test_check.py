"""`atoll server check`: what the account lacks, with the exact action of IAM."""

import pytest

from tests.aws.conftest import AwsPlace
from tests.aws.front import Rule


def test_an_account_that_permits_everything_is_ready_and_nothing_was_created(place: AwsPlace) -> None:
    done = place("server", "check", "aws")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "aws us-east-1 ok: ready; zones with subnets: us-east-1a, us-east-1b, us-east-1c\n"
    assert place.cloud.instances() == []
    assert place.cloud.volumes() == []
    assert place.cloud.client().describe_placement_groups()["PlacementGroups"] == []
    groups = place.cloud.client().describe_security_groups()["SecurityGroups"]
    assert "atoll-check" not in {group["GroupName"] for group in groups}


def test_each_missing_permission_is_named_with_what_it_is_for(place: AwsPlace) -> None:
    denied = ("RunInstances", "CreateVolume", "DescribeSpotPriceHistory", "GetParameters", "GetProducts")
    place.cloud.front.rules += [Rule(each, error=("UnauthorizedOperation", 403)) for each in denied]
    done = place("server", "check")
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == [
        "aws us-east-1 missing: ec2:CreateVolume is not permitted (for volumes)",
        "aws us-east-1 missing: pricing:GetProducts is not permitted (for on-demand prices)",
        "aws us-east-1 missing: ssm:GetParameters is not permitted (for the newest machine images)",
        "aws us-east-1 note: ec2:DescribeSpotPriceHistory is not permitted (for spot prices by zone)",
    ]


@pytest.mark.parametrize("code", ["AuthFailure", "ExpiredToken"])
def test_wrong_credentials_are_reported_once_without_the_secret(place: AwsPlace, code: str) -> None:
    place.cloud.front.rules.append(Rule(error=(code, 401)))
    done = place("server", "check", "aws")
    assert done.returncode == 1
    [line] = done.stdout.splitlines()
    assert line.startswith(f"aws us-east-1 missing: AWS refuses ec2:DescribeAvailabilityZones in us-east-1: {code}")
    assert "not-a-secret-of-anything" not in done.stdout + done.stderr


def test_a_region_without_a_usable_subnet_says_so(place: AwsPlace) -> None:
    place.configure(subnet_tags={"tier": "none-has-this"})
    done = place("server", "check", "aws")
    assert done.returncode == 1
    assert f"aws us-east-1 missing: VPC {place.cloud.vpc} has no usable subnet" in done.stdout


def test_a_backend_that_is_not_configured_is_an_error(place: AwsPlace) -> None:
    done = place("server", "check", "gcp")
    assert done.returncode == 1
    assert "config.yml has no backend gcp" in done.stderr
