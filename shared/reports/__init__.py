"""Figures about many cases, kept up to date from what changed: a report is one read of its summary."""
