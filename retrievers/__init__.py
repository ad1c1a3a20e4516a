"""Retriever adapters: text or vectors in, top k out. Nothing here measures anything."""
