"""How a table is written: one module a format (formats.py names them), and for CI."""
