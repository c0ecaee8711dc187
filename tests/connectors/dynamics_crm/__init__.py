"""The connector for Dynamics CRM."""
