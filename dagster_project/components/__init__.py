"""What a defs.yaml may name as its type."""

from dagster_project.components.canonical_store import CanonicalStore
from dagster_project.components.erp_source import ErpSource

__all__ = ["CanonicalStore", "ErpSource"]
