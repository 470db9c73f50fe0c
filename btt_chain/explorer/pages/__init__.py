"""What the pages show, as plain data; templates turn it into HTML, the server into JSON."""
