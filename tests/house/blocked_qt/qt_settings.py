"""Declares the settings of pytest-qt where that is switched off; strict config demands it.

A module of its own, so that the processes of pytest-xdist can load it by name too.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("qt_api", "unused here")
    parser.addini("qt_log_level_fail", "unused here")
