"""drainer: takes its VM out of the load balancer before the platform interrupts it, and puts it back."""
