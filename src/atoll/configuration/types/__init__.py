"""The specs: every document type, its keys, their short forms and units."""
