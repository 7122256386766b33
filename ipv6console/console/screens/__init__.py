"""Screens and dialogs; each screen has its own stylesheet beside it."""
