# New Relic's agent, which is loaded before a program: where there is a licence key. Told: NEW_RELIC_SECRET, NEW_RELIC_FLAGS, NEW_RELIC_SETTINGS (name=value ...).
new_relic=()
license_key=$(secret "$NEW_RELIC_SECRET")
if [ "$license_key" != none ]; then
  read -ra new_relic <<< "$NEW_RELIC_FLAGS"
  tell NEW_RELIC_LICENSE_KEY "$license_key"
  for setting in $NEW_RELIC_SETTINGS; do tell "${setting%%=*}" "${setting#*=}"; done
fi
