"""Which VM is asking: told by the address it asked, or by its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from metadata_server.topology import Address, Vm

_ANY = ("0.0.0.0", "::")  # a comparison, nothing is bound  # nosec B104


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The VMs by the address their service really listens on."""

    listening: Mapping[Address, tuple[Vm, ...]]

    def vm(self, *, asked: Address, peer: str) -> Vm | None:
        """The VM that asks; None if the peer is none of those told apart by source."""
        vms = self.listening.get(asked) or self._wildcard(asked.port)
        for vm in vms:
            if vm.source is None or vm.source == peer:
                return vm
        return None

    def address(self, vm: str) -> Address:
        """Where the metadata service of `vm` listens; KeyError if there is no such VM."""
        for address, vms in self.listening.items():
            if any(there.name == vm for there in vms):
                return address
        raise KeyError(vm)

    def _wildcard(self, port: int) -> tuple[Vm, ...]:
        for host in _ANY:
            found = self.listening.get(Address(host=host, port=port))
            if found is not None:
                return found
        return ()
