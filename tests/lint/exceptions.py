"""Faults that are let pass: (check, path, subject) -> reason. The list may only shrink.

An entry that matches nothing any more is a fault itself, so that it goes with its cause.
"""

EXCEPTIONS_MAX = 8

EXCEPTIONS = {
}
