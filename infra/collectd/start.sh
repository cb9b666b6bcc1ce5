#!/bin/sh
# collectd that writes what it sees of this host, and what the service's processes show, into a database of the service.
# Told by its environment: TSG_OPS_URL (the API), TSG_OPS_TOKEN_FILE (a token that may write there), TSG_OPS_METRICS (name=address of /metrics ...);
# and, where the defaults are not wanted: TSG_OPS_DATABASE, TSG_OPS_HOST, TSG_OPS_INTERVAL_S, TSG_OPS_FOLDER, TSG_OPS_USER.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
folder=${TSG_OPS_FOLDER:-/run/tsg-collectd}
# collectd runs no programs as root.
user=${TSG_OPS_USER:-$(id -un)}
if [ "$user" = root ]; then user=nobody; fi

token=$(cat "$TSG_OPS_TOKEN_FILE")
case $token in
  '' | *[!A-Za-z0-9_.-]*)
    echo "$TSG_OPS_TOKEN_FILE has no token" >&2
    exit 1
    ;;
esac

# Whoever the program runs as has to reach it; the configuration has the token, and is for collectd alone.
mkdir -p "$folder"
chmod 0711 "$folder"
for name in service-metrics.sh service-metrics.awk types.db; do
  cp "$here/$name" "$folder/$name"
  chmod 0755 "$folder/$name"
done

programs=
for entry in $TSG_OPS_METRICS; do programs="$programs \"$entry\""; done

cat > "$folder/collectd.conf" <<CONF
Hostname "${TSG_OPS_HOST:-$(uname -n)}"
FQDNLookup false
Interval ${TSG_OPS_INTERVAL_S:-10}
BaseDir "$folder"
PIDFile "$folder/pid"
TypesDB "/usr/share/collectd/types.db" "$folder/types.db"
# Where the API is away, values wait for this long in memory; then the oldest go.
WriteQueueLimitHigh 100000
WriteQueueLimitLow 100000

LoadPlugin logfile
<Plugin logfile>
  LogLevel warning
  File STDERR
</Plugin>

LoadPlugin cpu
LoadPlugin df
LoadPlugin disk
LoadPlugin interface
LoadPlugin load
LoadPlugin memory
LoadPlugin swap
LoadPlugin uptime
<Plugin df>
  # What containers and the system mount for themselves says nothing of this host's disks.
  FSType "/^(overlay|tmpfs|devtmpfs|squashfs|proc|sysfs|cgroup2?|nsfs)\$/"
  IgnoreSelected true
</Plugin>

LoadPlugin exec
<Plugin exec>
  Exec "$user" "$folder/service-metrics.sh"$programs
</Plugin>

LoadPlugin write_http
<Plugin write_http>
  <Node "tsg">
    URL "$TSG_OPS_URL/v1/databases/${TSG_OPS_DATABASE:-ops}/write?format=collectd"
    Header "Authorization: Bearer $token"
    Format "JSON"
    # About as much as a host has to say in ten seconds.
    BufferSize 32768
    Timeout 10000
    LogHttpError true
  </Node>
</Plugin>
CONF
exec collectd -f -C "$folder/collectd.conf"
