# The agent of a database host. Told: SLOT, AGENT_SECRET, Q_ARCHIVE (s3://..., empty without q), Q_LICENCE_SECRET, LOGGLY_SECRET.
address=$(imds local-ipv4)
tell TSG_HOST_ID "$SLOT"
tell TSG_AGENT_HOST "$address"
tell_secret TSG_AGENT_SECRET "$AGENT_SECRET"
tell_wanted_secret LOGGLY_TOKEN "$LOGGLY_SECRET"

# What kdb+ asks for [kb/linux-production]; compressed columns are mapped one by one.
sysctl -qw vm.max_map_count=16777216 vm.swappiness=1
echo always > /sys/kernel/mm/transparent_hugepage/enabled
echo never > /sys/kernel/mm/transparent_hugepage/defrag

options=(--volume /data:/data --env TSG_METRICS_PORT=9100)
if [ -n "$Q_ARCHIVE" ]; then
  install -d -m 0700 /opt/kx
  aws s3 cp --quiet "$Q_ARCHIVE" - | tar -xz -C /opt/kx
  licence=$(secret "$Q_LICENCE_SECRET")
  base64 -d <<< "$licence" > /opt/kx/q/kc.lic
  # The image's user.
  chown -R 1000:1000 /opt/kx
  options+=(--volume /opt/kx:/opt/kx:ro --env TSG_Q=/opt/kx/q/l64/q --env QHOME=/opt/kx/q --env QLIC=/opt/kx/q)
fi
run_program agent 60 "${options[@]}" -- node kdb/agent/main.ts
