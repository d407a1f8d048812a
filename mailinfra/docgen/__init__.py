"""The generated documents: the reference, the pictures in docs/architecture.md, JSON Schemas for editors."""
