"""`python -m drainer` is the command `drainer`."""

from drainer.cli import main

raise SystemExit(main())
