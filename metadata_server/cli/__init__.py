"""The program `metadata-server`: `serve`, and one subcommand for each verb of the controller."""

from metadata_server.cli.main import main

__all__ = ["main"]
