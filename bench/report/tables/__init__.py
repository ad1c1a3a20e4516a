"""The tables: what each holds, its notes and its marks."""
