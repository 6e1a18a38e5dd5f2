"""For people: terminal table, Markdown, HTML, and their Korean."""
