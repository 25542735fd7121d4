"""A host that is reached by SSH: what its user declares."""

from dataclasses import dataclass

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom to log in. `user` empty: the server's own user.

    `identity_file` None: the default keys of the server's user, then its SSH agent. `host_key` is the only key that
    the host may have, as its type and base64 text; empty: the key of the first connection is pinned.
    """

    hostname: str
    user: str
    port: int = SSH_PORT
    identity_file: str | None = None
    host_key: str = ""

    @property
    def name(self) -> str:
        """The host name, with the port where it is not 22: unique for each SSH server."""
        return self.hostname if self.port == SSH_PORT else f"{self.hostname}:{self.port}"


@dataclass(frozen=True, slots=True)
class Host:
    """One host, in `zone` (empty: none). Other nodes reach it at `address`, or else at its address in `network` (an
    IP network such as `10.0.0.0/16`), or else at its host name.
    """

    login: Login
    jump: Login | None = None
    zone: str = ""
    address: str = ""
    network: str = ""

    @property
    def name(self) -> str:
        """The login's name."""
        return self.login.name

    def takes_over(self, former: "Host") -> bool:
        """Whether an agent that was started on the `former` host is found there: the same user, in the same zone."""
        return (self.name, self.login.user, self.zone) == (former.name, former.login.user, former.zone)
