"""Waking the deciding thread, also out of its own signal handlers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from drainer.wake import Wake


@pytest.fixture
def hanging_up() -> Iterator[Wake]:
    """SIGHUP to this process calls it."""
    wake = Wake()
    before = signal.signal(signal.SIGHUP, lambda number, frame: wake.call())
    yield wake
    signal.signal(signal.SIGHUP, before)


def test_calls_before_the_wait_end_it_once() -> None:
    """All of them together, so that the next wait waits."""
    wake = Wake()
    wake.call()
    wake.call()
    wake.wait(60)
    began = monotonic()
    wake.wait(0.01)
    assert monotonic() - began >= 0.009


def test_a_signal_ends_the_wait_without_its_handler() -> None:
    """One that comes just before the wait begins has its handler run only after it: its own byte must do."""
    wake = Wake()
    before = signal.signal(signal.SIGHUP, lambda number, frame: None)
    wake.hear_signals()
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        began = monotonic()
        wake.wait(600)
        assert monotonic() - began < 300
        wake.wait(0.01)
    finally:
        wake.ignore_signals()
        signal.signal(signal.SIGHUP, before)


def test_calls_that_nobody_answers_never_block() -> None:
    """However many there are; one wait answers them all."""
    wake = Wake()
    for _ in range(100_000):
        wake.call()
    wake.wait(60)
    began = monotonic()
    wake.wait(0.01)
    assert monotonic() - began >= 0.009


def test_a_storm_of_signals_never_locks_it(hanging_up: Wake) -> None:
    """A handler may interrupt this thread anywhere within a wait, or another handler."""
    sent = threading.Thread(target=hang_up_often)
    sent.start()
    while sent.is_alive():
        hanging_up.wait(0.001)
    sent.join()


def hang_up_often() -> None:
    for _ in range(20_000):
        os.kill(os.getpid(), signal.SIGHUP)
