"""From facts and graph to findings in their places, grades and the gate. Pure."""
