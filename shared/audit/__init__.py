"""THE AUDIT: reads what is stored, holds it against itself and the policy, and reports. It repairs nothing."""
