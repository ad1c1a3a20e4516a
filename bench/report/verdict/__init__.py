"""What a finished run says in words: what finds most, how sure that is, what it costs."""
