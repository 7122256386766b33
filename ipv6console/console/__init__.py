"""The terminal: a client like any other, drawn with Textual."""
