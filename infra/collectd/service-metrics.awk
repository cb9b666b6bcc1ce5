# The text format of Prometheus to PUTVAL lines. Of histograms, counts and sums alone; region and zone are the same for all that a process shows.

function put(type, instance, value) {
  # collectd cuts longer ones.
  if (length(instance) > 126) return
  printf "PUTVAL \"%s/tsg-%s/%s-%s\" interval=%s N:%s\n", host, name, type, instance, interval_s, value
}

/^# TYPE / { kind[$3] = $4; next }
/^#/ || /^$/ { next }

{
  answered = 1
  metric = $0
  sub(/[{ ].*$/, "", metric)
  value = $NF
  if (metric ~ /_bucket$/ || value !~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/) next
  labels = ""
  if ($0 ~ /^[^ {]+[{]/) {
    labels = $0
    sub(/^[^{]*[{]/, "", labels)
    sub(/[}] [^ ]*$/, "", labels)
    labels = "," labels
    gsub(/,(region|zone)="[^"]*"/, "", labels)
    sub(/^,/, "", labels)
    gsub(/",/, ";", labels)
    gsub(/"/, "", labels)
    gsub(/[^A-Za-z0-9_.:;=@-]/, "_", labels)
  }
  family = metric
  if (!(family in kind)) sub(/_(sum|count)$/, "", family)
  grows = kind[family] == "counter" || kind[family] == "histogram" || kind[family] == "summary"
  put(grows ? "tsg_counter" : "tsg_gauge", labels == "" ? metric : metric "{" labels "}", value)
}

END { put("tsg_gauge", "up", answered + 0) }
