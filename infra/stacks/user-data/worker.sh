# A worker and a replicator. Told: STACK, GROUP, AGENT_SECRET, LOGGLY_SECRET.
tell_secret TSG_AGENT_SECRET "$AGENT_SECRET"
tell_wanted_secret LOGGLY_TOKEN "$LOGGLY_SECRET"
run_program worker 45 --env TSG_METRICS_PORT=9100 --env NEW_RELIC_APP_NAME=tsg-worker -- node "${new_relic[@]}" workers/main.ts
run_program replicator 45 --env TSG_METRICS_PORT=9101 --env NEW_RELIC_APP_NAME=tsg-replicator -- node "${new_relic[@]}" workers/replicator.ts
for port in 9100 9101; do
  curl -sf --retry 60 --retry-delay 2 --retry-all-errors -o /dev/null "http://127.0.0.1:$port/metrics"
done
signal SUCCESS
