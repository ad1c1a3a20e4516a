"""How numbers are packed: quantised values, blocks of bits, files mapped into memory."""
