"""The data of the pages; templates turn it into HTML, the server into JSON."""
