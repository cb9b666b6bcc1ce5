# A worker, a replicator and, where there is a token for it, a canary. Told: STACK, GROUP, AGENT_SECRET, CANARY_SECRET, LOGGLY_SECRET.
tell_secret TSG_AGENT_SECRET "$AGENT_SECRET"
tell_wanted_secret LOGGLY_TOKEN "$LOGGLY_SECRET"
run_program worker 45 --env TSG_METRICS_PORT=9100 --env NEW_RELIC_APP_NAME=tsg-worker -- node "${new_relic[@]}" workers/main.ts
run_program replicator 45 --env TSG_METRICS_PORT=9101 --env NEW_RELIC_APP_NAME=tsg-replicator -- node "${new_relic[@]}" workers/replicator.ts
for port in 9100 9101; do
  curl -sf --retry 60 --retry-delay 2 --retry-all-errors -o /dev/null "http://127.0.0.1:$port/metrics"
done
canary_token=$(secret "$CANARY_SECRET")
if [ "$canary_token" != none ]; then
  (umask 077 && printf 'TSG_CANARY_TOKEN=%s\n' "$canary_token" > /run/tsg/canary)
  run_program canary 15 --env-file /run/tsg/canary --env TSG_METRICS_PORT=9102 -- node workers/canary.ts
fi
signal SUCCESS
