"""Holds what happened against the invariants (`reliability` 2): one result for each.

Every check is a function from `Evidence` to the things it looked at and those that break the rule.
It goes by the provider's journal and the protocol's data, not by what our rows say of themselves.
"""

# Importing them puts their checks on the list.
from tests.faults import checks_of_patients, checks_of_sending
from tests.faults.invariants import CHECKS, Result, broken, check

__all__ = ["CHECKS", "Result", "broken", "check", "checks_of_patients", "checks_of_sending"]
