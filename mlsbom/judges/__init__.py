"""What is dangerous, for any caller."""
