#!/bin/sh
# A program for collectd's exec plugin: figures of the service's processes, over and over. Its arguments are name=address of /metrics.
set -u
here=$(dirname "$0")
interval_s=${COLLECTD_INTERVAL:-10}

while :; do
  for entry in "$@"; do
    curl -sf -m 5 "${entry#*=}" | awk -v host="${COLLECTD_HOSTNAME:-localhost}" -v name="${entry%%=*}" -v interval_s="$interval_s" -f "$here/service-metrics.awk"
  done
  sleep "$interval_s"
done
