"""Faults that are let pass: (check, path without .c or .h, subject) -> reason. The list may only shrink.

An entry that matches nothing any more is a fault itself, so that it goes with its cause.
"""

FAULT_POINT = "a fault point belongs to the test run of the process, not to an object"
TWO_LISTS = "two lists of patterns, each with its count, and where a bad one is told"
CALLBACK = "a callback and its argument, and where a bad line is told"

EXCEPTIONS = {
    ("state", "core/mem", "fault_countdown"): FAULT_POINT,
    ("state", "core/mem", "fault_persistent"): FAULT_POINT,
    ("state", "core/mem", "fault_count"): FAULT_POINT,
    ("state", "core/mem", "live_count"): FAULT_POINT,
    ("sizes", "dns/zonefile", "d1_zonefile_read"): CALLBACK,
    ("sizes", "solver/rights", "d1_rights_create"): TWO_LISTS,
}
EXCEPTIONS_MAX = 6
