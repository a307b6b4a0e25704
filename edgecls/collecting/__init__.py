"""Keeps pictures of what a watch sees, where the configuration or a person asks for it."""
