# A worker and a replicator. Told: STACK, GROUP, AGENT_SECRET, NEW_RELIC_SECRET, LOGGLY_SECRET.
tell_secret TSG_AGENT_SECRET "$AGENT_SECRET"
tell_wanted_secret NEW_RELIC_LICENSE_KEY "$NEW_RELIC_SECRET"
tell_wanted_secret LOGGLY_TOKEN "$LOGGLY_SECRET"
run_program worker 45 --env TSG_METRICS_PORT=9100 -- node workers/main.ts
run_program replicator 45 --env TSG_METRICS_PORT=9101 -- node workers/replicator.ts
for port in 9100 9101; do
  curl -sf --retry 60 --retry-delay 2 --retry-all-errors -o /dev/null "http://127.0.0.1:$port/metrics"
done
signal SUCCESS
