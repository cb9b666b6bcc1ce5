# Redis of every zone, and that of this one. Told: REDIS_HOSTS (zone=host,...), REDIS_SECRET.
password=$(secret "$REDIS_SECRET")
urls=
for entry in ${REDIS_HOSTS//,/ }; do
  url="rediss://:$password@${entry#*=}:6379"
  urls="$urls${urls:+,}${entry%%=*}=$url"
  if [ "${entry%%=*}" = "$zone" ]; then tell REDIS_URL "$url"; fi
done
tell TSG_REDIS_URLS "$urls"
