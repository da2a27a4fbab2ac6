"""Generated tests on a busy machine: how long one example takes says nothing about it."""

from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
