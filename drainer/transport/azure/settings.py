"""Where the management API is and as whom it is asked; handed to the child in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PASSED_ON = (
    *("PATH", "LANG", "HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "PYTHONPATH"),
    *("HOME", "AZURE_CONFIG_DIR"),  # where az keeps who is logged in
)
"""Of the daemon's environment the child sees these alone."""

METADATA = "DRAINER_CHILD_METADATA_URL"
MANAGEMENT = "DRAINER_CHILD_MANAGEMENT_URL"
AUTHORITIES = "DRAINER_CHILD_CA_FILE"
IDENTITY = "DRAINER_CHILD_CLIENT_ID"
PARENT = "DRAINER_CHILD_PARENT"

LOGGED_IN = "az"
"""In place of a client id: whoever is logged in with `az`, for what people run by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSettings:
    """`ca_file` "": the usual authorities. `client_id` "": the system-assigned identity. `parent`: a pid."""

    metadata_url: str = "http://169.254.169.254"
    management_url: str = "https://management.azure.com"
    ca_file: str = ""
    client_id: str = ""
    parent: int = 0


def environment(settings: ArmSettings) -> Mapping[str, str]:
    """What the child is started with. The metadata service is never asked through a proxy."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    named = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    direct = ",".join(filter(None, (named, "169.254.169.254", urlsplit(settings.metadata_url).hostname)))
    return {
        **kept,
        "NO_PROXY": direct,
        "no_proxy": direct,
        METADATA: settings.metadata_url,
        MANAGEMENT: settings.management_url,
        AUTHORITIES: settings.ca_file,
        IDENTITY: settings.client_id,
        PARENT: str(os.getpid()),
    }


def from_environment(found: Mapping[str, str]) -> ArmSettings:
    """The same, in the child."""
    return ArmSettings(
        metadata_url=found[METADATA],
        management_url=found[MANAGEMENT],
        ca_file=found[AUTHORITIES],
        client_id=found[IDENTITY],
        parent=int(found[PARENT]),
    )
