"""AWS: EC2 instances as machines and EBS volumes as disks. boto3 is the extra `atoll[aws]`."""

from atoll.backends.aws.backend import AwsBackend
from atoll.backends.aws.config import AwsConfig

__all__ = ["AwsBackend", "AwsConfig"]
