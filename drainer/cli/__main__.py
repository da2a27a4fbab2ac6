"""`python -m drainer.cli`: the same as the command `drainer`."""

from drainer.cli import main

raise SystemExit(main())
