"""The emulator alone, as values: no sockets, no machine time."""
