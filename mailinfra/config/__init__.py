"""What a person writes: the form of one mail server, one module for each section, and how it is read.

Frozen and plain: no resource, no Output but the secrets that stand beside the form (load.py).
"""
