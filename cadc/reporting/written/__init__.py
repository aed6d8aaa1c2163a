"""Tables as texts: in a terminal, in Markdown, LaTeX and HTML, and which columns each shows."""
