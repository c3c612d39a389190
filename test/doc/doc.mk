# The documents: links, commands and manual pages; and every command of the handbook, run as it stands.
.PHONY: check-doc
check-doc: all
	@BUILD="$(abspath $(B))" python3 test/doc/documents.py
	@BUILD="$(abspath $(B))" python3 test/doc/handbook.py
