#!/bin/sh
# Puts the times that flows printed beside each other: a table, each against the first, and their geometric means.
#   compare-jobs.sh FIRST OTHER...      files with the output of a flow
set -eu
exec awk '
  FNR == 1 { file++ }
  /^ok .* s$/ {
    title = substr($0, 6, 58); sub(/ +$/, "", title)
    if (file == 1) order[++count] = title
    time[title, file] = $(NF - 1)
  }
  END {
    for (i = 1; i <= count; i++) {
      line = sprintf("| %s | %s s", order[i], time[order[i], 1])
      for (f = 2; f <= file; f++) {
        own = time[order[i], f]
        line = line sprintf(" | %s", own == "" ? "-" : own " s")
        # Below a tenth of a second the start of podman is all there is.
        if (own != "" && time[order[i], 1] >= 0.1) { line = line sprintf(" (%.2f)", own / time[order[i], 1]); sum[f] += log(own / time[order[i], 1]); n[f]++ }
      }
      print line " |"
    }
    line = "| geometric mean | 1"
    for (f = 2; f <= file; f++) line = line sprintf(" | %.2f", exp(sum[f] / n[f]))
    print line " |"
  }' "$@"
