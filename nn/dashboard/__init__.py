"""The dashboard: a page that shows a training over time, written while it runs."""
