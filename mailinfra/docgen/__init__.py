"""The generated documentation: docs/configuration.md and the JSON Schemas for editors."""
