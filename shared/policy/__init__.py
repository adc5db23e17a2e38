"""What the agreement says: pure functions of facts, terms and a day."""
