"""What is told to machines that watch: metrics, the local endpoint, the system log."""
