"""The control socket: operators' wishes in, status and history out, for those who may."""

from drainer.control.server import ControlServer

__all__ = ["ControlServer"]
