"""What the management API's documents mean, and how one is read and written through `drainer.management`.

Plain JSON in, plain values out. No SDK, and no I/O but what `Arm` does.
"""
