# SPDX-License-Identifier: Apache-2.0
# Makes Markdown of what "go test -bench" prints: a table for each benchmark that has
# rivals, with the quotients by them, and one table for all others.

function short(n) { return n >= 10 ? sprintf("%.0f", n) : n >= 1 ? sprintf("%.1f", n) : sprintf("%.2g", n) }
function cell(unit, n) { return unit == "ns/op" ? short(n / 1e6) " ms" : unit == "kB" ? sprintf("%.1f MB", n / 1e3) : short(n) }
function heading(unit) { return unit == "ns/op" ? "time" : unit == "kB" ? "peak memory" : "by " substr(unit, 2) }
function known(unit) { return unit == "ns/op" || unit == "kB" || unit ~ /^\// }

/^pkg: / { package = $2; sub(".*/", "", package) }
/^Benchmark/ && NF > 2 {
	name = substr($1, length("Benchmark") + 1)
	sub(/-[0-9]+$/, "", name)
	gsub(/_/, " ", name)
	if ($0 !~ / \//) {
		others = others "| " package ", " name " | " cell("ns/op", $3) " |\n"
		next
	}
	bench = name
	sub("/.*", "", bench)
	if (!(bench in count)) order[++benches] = bench
	n = ++count[bench]
	row[bench, n] = length(name) > length(bench) ? substr(name, length(bench) + 2) : name
	for (i = 3; i < NF; i += 2) {
		one = $(i + 1)
		if (!known(one)) continue
		value[bench, n, one] = cell(one, $i)
		if (!((bench, one) in seen)) {
			seen[bench, one] = 1
			units[bench] = units[bench] "\n" one
		}
	}
}
END {
	for (b = 1; b <= benches; b++) {
		bench = order[b]
		columns = split(substr(units[bench], 2), column, "\n")
		head = "\n| " bench " |"
		line = "|---|"
		for (i = 1; i <= columns; i++) {
			head = head " " heading(column[i]) " |"
			line = line "---:|"
		}
		print head "\n" line
		for (n = 1; n <= count[bench]; n++) {
			text = "| " row[bench, n] " |"
			for (i = 1; i <= columns; i++) text = text " " value[bench, n, column[i]] " |"
			print text
		}
	}
	if (others) printf "\n| others | time |\n|---|---:|\n%s", others
}
