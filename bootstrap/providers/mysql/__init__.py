"""The mysql provider: databases, users and grants, on PyMySQL."""
