"""What may be configured of the ssh backend. Hosts are not configured here: fleets declare them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SshConfig:
    """`job_silence_seconds` is how long a job waits for a host that does not answer, before it counts as lost."""

    job_silence_seconds: float = 60

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> "SshConfig":
        """From a configuration file: `job_silence` in seconds. Raises ValueError that says what is wrong."""
        for key in mapping:
            if key != "job_silence":
                raise ValueError(f"the ssh backend has no setting `{key}`; its only setting is `job_silence`")
        seconds = mapping.get("job_silence", 60)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= 86400:
            raise ValueError(f"`job_silence` of the ssh backend: 1 to 86400 seconds, not {seconds!r}")
        return cls(float(seconds))
