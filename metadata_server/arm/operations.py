"""The addresses under which writes are asked after: long, signed, and good only letter for letter."""

import hashlib
import hmac
import secrets
from urllib.parse import quote

from metadata_server.arm.refusal import Refusal

# Asynchronous operations: the address of Azure-AsyncOperation is opaque; real ones carry about 3 KB.
_CERTIFICATE = "A" * 2800


class Addresses:
    """Makes the addresses and knows its own again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)
        self.origin = ""

    def of(self, operation_id: str, *, subscription: str, location: str, at: int) -> str:
        """Where the operation is asked after, with the signature in the query."""
        path = (
            f"/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}"
            f"/operations/{operation_id}"
        )
        query = f"api-version=2024-05-01&t={at}&c={_CERTIFICATE}&h={quote('{x}')}"
        return f"{self.origin}{path}?{query}&s={self._signature(path, query)}"

    def check(self, path: str, query: str) -> str:
        """The id of the operation. Raises Refusal 403 for anything but an address as it was made."""
        signed, _, signature = query.rpartition("&s=")
        if not hmac.compare_digest(signature.encode(), self._signature(path, signed).encode()):
            raise Refusal(403, "AuthorizationFailed", "The signature of this address is not valid.")
        return path.rsplit("/", 1)[-1]

    def _signature(self, path: str, query: str) -> str:
        return hmac.new(self._secret, f"{path}?{query}".encode(), hashlib.sha256).hexdigest()
