"""What this release does with a key that it reads: keys without a mark are acted on.

A mark stands in the key's `Annotated`, or as `later` on a model that is not acted on as a whole.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Later:
    """A key that needs a later release. `meanwhile` says what happens without it.

    `refused` keys change what runs or where, so that applying them without effect would do something else than the file
    says; the others only tune. A key with `beside` is acted on in a document that sets that other key, too.
    """

    meanwhile: str
    refused: bool = True
    beside: str = ""


IN_CONTAINER = Later("without an `image` the commands run on the machine itself", beside="image")
NO_DOCKER = Later("this release provides no Docker of the run's own: an `image` runs in the Docker of the machine")
NO_CLONES = Later("this release clones no repository: `files` copies a folder to the job")
NOT_TAGGED = Later("the resources carry Atoll's own tags only", refused=False)
NO_OPTIONS = Later("this release passes no options of its own to a backend")
NOT_RESERVED = Later("this release does not use capacity reservations")
