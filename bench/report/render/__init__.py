"""How a table is written: terminal, Markdown, LaTeX, HTML, and for CI."""
