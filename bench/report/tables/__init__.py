"""What a table holds: its rows, columns and marks."""
