# An API node. Told: STACK, GROUP, ADMIN_SECRET, LOGGLY_SECRET.
tell_secret TSG_ADMIN_TOKEN "$ADMIN_SECRET"
tell_wanted_secret LOGGLY_TOKEN "$LOGGLY_SECRET"
address=$(imds local-ipv4)
tell TSG_HOST "$address"
run_program api 45 --env NEW_RELIC_APP_NAME=tsg-api -- node "${new_relic[@]}" --min-semi-space-size=16 src/main.ts
curl -sf --retry 60 --retry-delay 2 --retry-all-errors -o /dev/null "http://$address:8080/ready"
signal SUCCESS
