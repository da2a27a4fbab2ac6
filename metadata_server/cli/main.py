"""Parses the command line and turns errors into exit codes: 0 ok, 1 failed, 2 usage, 78 configuration."""

import argparse
import sys
from collections.abc import Sequence

from metadata_server.cli import control, serve
from metadata_server.errors import BadInput, BrokenLog, EmulatorError
from metadata_server.topologyfile import BadTopology

OK, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("metadata_server"):
            raise
        lacks = f"{error.name} is not installed: pip install 'drainer[emulator]'"
        print(f"metadata-server: {lacks}", file=sys.stderr)
        return FAILED
    except BadTopology as error:
        print(error, file=sys.stderr)  # FILE:LINE:COLUMN first, where editors look for it
        return CONFIGURATION
    except BrokenLog as error:
        return _failed(error, CONFIGURATION)
    except BadInput as error:
        return _failed(error, USAGE)
    except (EmulatorError, OSError) as error:
        return _failed(error, FAILED)
    return OK


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(prog="metadata-server", description=_ABOUT)
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve.add(commands)
    control.add(commands)
    return whole


_ABOUT = "An emulator of what a maintenance touches around Azure VMs."


def _failed(error: Exception, code: int) -> int:
    print(f"metadata-server: {error}", file=sys.stderr)
    return code
