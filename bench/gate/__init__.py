"""Pass or fail: against a reference, or two revisions side by side."""
