"""Catches the platform's mail on one machine and shows it on a page. Nothing leaves."""
