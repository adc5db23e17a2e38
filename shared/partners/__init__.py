"""What partners say: their events from the inbox to the case, and their lists. Nothing in the use cases knows of it."""
