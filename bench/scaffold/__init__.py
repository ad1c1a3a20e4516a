"""`sparring new`: a package for an adapter of one's own."""
