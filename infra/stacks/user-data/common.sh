# What every instance needs first, at each boot. Told: AWS_DEFAULT_REGION, LOG_GROUP, IMAGE or the IMAGE_PARAMETER that has it.
set -euo pipefail
export AWS_DEFAULT_REGION

# Tells the stack, where it waits for instances of a GROUP, that this one serves, or that it does not.
signal() {
  if [ -z "${GROUP:-}" ]; then return 0; fi
  aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id "$GROUP" --unique-id "$instance" --status "$1" ||
    echo 'the stack waits for nobody' >&2
}

# Who cannot start makes room for another one; five minutes are for whoever wants to look (shutdown -c).
# shellcheck disable=SC2329  # The trap calls it.
ended() {
  if [ "$1" = 0 ]; then return 0; fi
  signal FAILURE
  shutdown -h +5
}
instance=unknown
trap 'ended $?' EXIT

imds() {
  local token
  token=$(curl -sf --retry 5 -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
  curl -sf --retry 5 -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

secret() {
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}

# Adds a variable to what the programs are told; the file is on a file system in memory.
tell() {
  printf '%s=%s\n' "$1" "$2" >> /run/tsg/environment
}

tell_secret() {
  local value
  value=$(secret "$2")
  tell "$1" "$value"
}

# One that was not filled in yet turns off what it is for.
tell_wanted_secret() {
  local value
  value=$(secret "$2")
  if [ "$value" != none ]; then tell "$1" "$value"; fi
}

instance=$(imds instance-id)
zone=$(imds placement/availability-zone)
chmod 0600 /run/tsg/environment
tell TSG_ZONE "$zone"

dnf -qy install docker
systemctl enable --now docker
image=${IMAGE:-}
if [ -z "$image" ]; then image=$(aws ssm get-parameter --name "$IMAGE_PARAMETER" --query Parameter.Value --output text); fi
aws ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}"
docker pull -q "$image"

# A unit for a program: started again when it ends, given the time that it needs to end in order. It lives until the next boot, which comes here again.
# Its lines never wait for CloudWatch, which makes figures of those that have the embedded metric format.
# Usage: run_program NAME STOP_SECONDS DOCKER_OPTION... -- COMMAND...
run_program() {
  local name=$1 stop_s=$2
  shift 2
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  cat > "/run/systemd/system/tsg-$name.service" <<UNIT
[Unit]
After=docker.service network-online.target
Requires=docker.service
StartLimitIntervalSec=0

[Service]
ExecStartPre=-/usr/bin/docker rm -f tsg-$name
ExecStart=/usr/bin/docker run --name tsg-$name --rm --init --network host --read-only --tmpfs /tmp --cap-drop ALL \\
  --security-opt no-new-privileges --ulimit nofile=65536 --env-file /run/tsg/environment \\
  --log-driver awslogs --log-opt awslogs-region=$AWS_DEFAULT_REGION --log-opt awslogs-group=$LOG_GROUP \\
  --log-opt awslogs-stream=$instance/$name --log-opt awslogs-format=json/emf --log-opt mode=non-blocking --log-opt max-buffer-size=16m \\
  ${options[*]} $image $*
ExecStop=/usr/bin/docker stop --time $stop_s tsg-$name
TimeoutStopSec=$((stop_s + 15))
Restart=always
RestartSec=2
UNIT
  systemctl daemon-reload
  systemctl restart "tsg-$name"
}
