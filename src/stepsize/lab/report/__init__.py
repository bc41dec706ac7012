"""The report of a comparison: its figures and tables, as a page, as Markdown, and at the end in the terminal."""
