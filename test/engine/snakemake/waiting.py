"""Waits with a bound."""

import time


def wait_until(condition, seconds, explain=lambda: ""):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {explain()}"
        time.sleep(0.05)
