"""Stateful programs that speak the real wire of an ERP, so that the engine can be tried without one."""
