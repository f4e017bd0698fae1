"""Measurements of the course: how good its models are, and how fast they train."""
