"""What people look at: tables, charts and pages of finished runs, and what a command says while it works."""
