"""The configuration models, one module for each noun that a person decides about."""
