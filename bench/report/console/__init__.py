"""What a command says while it works, and lists that are no tables."""
