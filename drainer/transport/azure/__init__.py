"""The management API behind a child process: only the child imports Azure's SDK."""
