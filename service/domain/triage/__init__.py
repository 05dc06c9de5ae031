"""Reading a patient's reply: what it says, how urgent that is, and what the patient gets back."""

from service.domain.triage.engine import read_reply
from service.domain.triage.readings import Answer, Circumstances, Finding, Keyword, Reading
from service.domain.triage.rules import Rules, RulesError, load_rules

__all__ = [
    "Answer",
    "Circumstances",
    "Finding",
    "Keyword",
    "Reading",
    "Rules",
    "RulesError",
    "load_rules",
    "read_reply",
]
