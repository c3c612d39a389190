# What scdoc(1) writes, as mandoc(1) finds nothing in: no paragraph that is empty, no line above 80 bytes where lines are filled, the title
# in capitals. A manual page is made by: scdoc < doc/PAGE.scd | LC_ALL=C awk -f doc/man.awk
function put(line) {
	if (line == ".P") {
		waits = !bare	# not right behind a heading, nor twice
		return
	}
	if (line == ".RE") {
		print line	# the paragraph begins behind it
		return
	}
	if (waits && line !~ /^\.(SH|SS)/)
		print ".P"
	waits = 0
	print line
	bare = line ~ /^\.(SH|SS|TH)/
}

function fold(line, at) {
	while (length(line) > 80) {
		for (at = 80; at > 1 && (substr(line, at, 1) != " " || substr(line, at + 1) ~ /^[.' ]/); at--)
			;
		if (at <= 1)
			break
		put(substr(line, 1, at - 1))
		line = substr(line, at + 1)
	}
	put(line)
}

/^\.nf/ { literal = 1 }
/^\.fi/ { literal = 0 }
/^\.TH/ { sub(/"[^"]*"/, toupper($2)) }
/^[.']/ || literal { put($0); next }
{ fold($0) }
