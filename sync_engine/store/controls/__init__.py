"""Controls: what proves that a cut is true, check by check, and the certificate that says so.

Every check compares a figure of the source with the canonical figure. A difference is listed down to documents or debtors,
given a class that says where to look, and never plugged. A figure the source does not state makes a check not answerable.
"""

from sync_engine.store.controls.certificate import (
    GRADES,
    TROUBLE,
    Certificate,
    Check,
    Difference,
    Grade,
    Verdict,
    checked,
    read_certificate,
)
from sync_engine.store.controls.reconcile import reconcile, what_is_missing

__all__ = [
    "GRADES",
    "TROUBLE",
    "Certificate",
    "Check",
    "Difference",
    "Grade",
    "Verdict",
    "checked",
    "read_certificate",
    "reconcile",
    "what_is_missing",
]
