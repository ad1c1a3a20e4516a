"""Training of dual encoders: recipes, pairs, towers, and what a training cost. Nothing heavy is imported here."""
