"""`python -m metadata_server` is the command `metadata-server`."""

from metadata_server.cli import main

raise SystemExit(main())
