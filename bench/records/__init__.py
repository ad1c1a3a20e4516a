"""What a run keeps: the schema of its records, its folder, and which of two are comparable."""
