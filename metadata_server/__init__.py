"""metadata_server: an emulator of everything around an Azure VM that a maintenance touches."""
