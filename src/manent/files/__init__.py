"""Files that visitors send: options, types by content, the place of the bytes, scanner, links and removal."""
