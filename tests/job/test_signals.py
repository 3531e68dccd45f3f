"""What a signal does while it is waited for: real signals to this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ganctl.job.signals import Interrupted, Stopped, StopSignals


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of this process stay as they are, also where the tests run with some of them ignored."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        assert signal.signal(number, handler) in (signal.SIG_DFL, signal.SIG_IGN)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_the_first_signal_is_kept_and_later_ones_change_nothing() -> None:
    with StopSignals() as signals:
        signals.raise_if_received()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            send(number)
        assert signals.exit_code == 129
        with pytest.raises(Interrupted):
            signals.raise_if_received()


def test_a_second_ctrl_c_interrupts_and_so_does_any_signal_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    with StopSignals() as signals:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        monkeypatch.setattr("ganctl.job.signals.PATIENCE", 0.0)
        with pytest.raises(Stopped) as stopped:
            send(signal.SIGTERM)
        assert (stopped.value.exit_code, signals.exit_code) == (143, 130)


def test_a_signal_that_the_parent_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopSignals() as signals:
        send(signal.SIGHUP)
        assert signals.received is None
        send(signal.SIGTERM)
        assert signals.exit_code == 143


def test_inside_another_one_its_signal_counts_and_outside_it_does_again() -> None:
    with StopSignals(at_once=True) as outer:
        with pytest.raises(Stopped):
            send(signal.SIGTERM)  # and where the exception is lost, as in a callback of Python's imports
        with StopSignals() as inner, inner:
            assert inner.exit_code == outer.exit_code == 143
            send(signal.SIGTERM)
        with pytest.raises(Stopped):
            send(signal.SIGHUP)


def test_after_the_end_of_the_work_none_ends_the_process() -> None:
    with StopSignals(at_once=True, to_the_end=True):
        pass
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        send(number)
