#!/bin/sh
# Puts the times that flows printed beside each other: a table, each against the first, and their geometric means.
#   compare-jobs.sh FIRST OTHER...      files with the output of a flow; of several passes, joined by commas, the medians
set -eu
exec awk '
  BEGIN {
    for (i = 1; i < ARGC; i++) {
      many = split(ARGV[i], passes, ",")
      for (p = 1; p <= many; p++) { files[++fileCount] = passes[p]; column[passes[p]] = i }
    }
    columns = ARGC - 1
    for (i = 1; i <= fileCount; i++) ARGV[i] = files[i]
    ARGC = fileCount + 1
  }
  /^ok .* s$/ {
    title = substr($0, 6, 58); sub(/ +$/, "", title)
    if (!(title in known)) { known[title]; order[++count] = title }
    times[title, column[FILENAME]] = times[title, column[FILENAME]] " " $(NF - 1)
  }
  function median(list,    t, n, i, j, x) {
    n = split(list, t, " ")
    for (i = 2; i <= n; i++) { x = t[i] + 0; for (j = i - 1; j >= 1 && t[j] + 0 > x; j--) t[j + 1] = t[j]; t[j + 1] = x }
    return n == 0 ? "" : n % 2 ? t[(n + 1) / 2] + 0 : (t[n / 2] + t[n / 2 + 1]) / 2
  }
  END {
    for (i = 1; i <= count; i++) {
      first = median(times[order[i], 1])
      line = "| " order[i] (first == "" ? " | -" : sprintf(" | %.2f s", first))
      for (c = 2; c <= columns; c++) {
        own = median(times[order[i], c])
        line = line (own == "" ? " | -" : sprintf(" | %.2f s", own))
        # Below a tenth of a second the start of podman is all there is.
        if (own != "" && first != "" && first >= 0.1) { line = line sprintf(" (%.2f)", own / first); sum[c] += log(own / first); n[c]++ }
      }
      print line " |"
    }
    line = "| geometric mean | 1"
    for (c = 2; c <= columns; c++) line = line sprintf(" | %.2f", exp(sum[c] / n[c]))
    print line " |"
  }' "$@"
