"""Figures of tables: panels, their colours, and how they are laid out and written."""
