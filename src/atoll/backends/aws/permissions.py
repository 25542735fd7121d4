"""The calls that the aws backend makes, each with the IAM action that it needs. No other call can be made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One operation of an AWS service: its IAM action, and what it is for. `required` is False where Atoll does less
    without it.
    """

    name: str
    purpose: str
    required: bool = True


ACTIONS: Mapping[tuple[str, str], Action] = {
    ("ec2", "describe_availability_zones"): Action("ec2:DescribeAvailabilityZones", "zones"),
    ("ec2", "describe_vpcs"): Action("ec2:DescribeVpcs", "networks"),
    ("ec2", "describe_subnets"): Action("ec2:DescribeSubnets", "subnets and free addresses by zone"),
    ("ec2", "describe_instance_types"): Action("ec2:DescribeInstanceTypes", "instance types"),
    ("ec2", "describe_instance_type_offerings"): Action(
        "ec2:DescribeInstanceTypeOfferings", "which zone offers which type"
    ),
    ("ec2", "describe_spot_price_history"): Action("ec2:DescribeSpotPriceHistory", "spot prices by zone", False),
    ("ec2", "describe_images"): Action("ec2:DescribeImages", "machine images"),
    ("ec2", "describe_security_groups"): Action("ec2:DescribeSecurityGroups", "the security group"),
    ("ec2", "create_security_group"): Action("ec2:CreateSecurityGroup", "the security group"),
    ("ec2", "authorize_security_group_ingress"): Action(
        "ec2:AuthorizeSecurityGroupIngress", "SSH from the server, traffic between nodes"
    ),
    ("ec2", "run_instances"): Action("ec2:RunInstances", "machines"),
    ("ec2", "describe_instances"): Action("ec2:DescribeInstances", "machines"),
    ("ec2", "terminate_instances"): Action("ec2:TerminateInstances", "machines"),
    ("ec2", "create_placement_group"): Action("ec2:CreatePlacementGroup", "fleets with `placement: cluster`"),
    ("ec2", "delete_placement_group"): Action("ec2:DeletePlacementGroup", "fleets with `placement: cluster`"),
    ("ec2", "create_volume"): Action("ec2:CreateVolume", "volumes"),
    ("ec2", "describe_volumes"): Action("ec2:DescribeVolumes", "volumes"),
    ("ec2", "delete_volume"): Action("ec2:DeleteVolume", "volumes"),
    ("ec2", "attach_volume"): Action("ec2:AttachVolume", "volumes"),
    ("ec2", "detach_volume"): Action("ec2:DetachVolume", "volumes"),
    ("ec2", "create_snapshot"): Action("ec2:CreateSnapshot", "moving volumes to another zone", False),
    ("ec2", "describe_snapshots"): Action("ec2:DescribeSnapshots", "moving volumes to another zone", False),
    ("ec2", "delete_snapshot"): Action("ec2:DeleteSnapshot", "moving volumes to another zone", False),
    ("ssm", "get_parameters"): Action("ssm:GetParameters", "the newest machine images"),
    ("pricing", "get_products"): Action("pricing:GetProducts", "on-demand prices"),
    ("service-quotas", "list_service_quotas"): Action("servicequotas:ListServiceQuotas", "vCPU quotas", False),
    ("sts", "assume_role"): Action("sts:AssumeRole", "`creds` of type role", False),
}
"""By service and operation, in boto3's names."""

WITHOUT_A_CALL = (Action("ec2:CreateTags", "tags of new machines, disks and the security group"),)
"""Actions that AWS requires of calls with other names."""


def policy() -> str:
    """The minimal IAM policy, as JSON."""
    names = [each.name for key, each in ACTIONS.items() if key[0] != "sts"] + [each.name for each in WITHOUT_A_CALL]
    statement = {"Sid": "Atoll", "Effect": "Allow", "Action": sorted(set(names)), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
