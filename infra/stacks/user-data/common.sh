# What every instance needs first. Told: AWS_DEFAULT_REGION, IMAGE_PARAMETER, LOG_GROUP.
set -euo pipefail
export AWS_DEFAULT_REGION

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

# One that was not filled in yet turns off what it is for.
tell_secret() {
  local value
  value=$(secret "$2")
  if [ "$value" != none ]; then tell "$1" "$value"; fi
}

zone=$(imds placement/availability-zone)
instance=$(imds instance-id)
address=$(imds local-ipv4)
chmod 0600 /run/tsg/environment
tell TSG_ZONE "$zone"

dnf -qy install docker
systemctl enable --now docker
image=$(aws ssm get-parameter --name "$IMAGE_PARAMETER" --query Parameter.Value --output text)
aws ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}"
docker pull -q "$image"

# A unit for a program: started again when it ends, given the time that it needs to end in order.
# Usage: run_program NAME STOP_SECONDS DOCKER_OPTION… -- COMMAND…
run_program() {
  local name=$1 stop_s=$2
  shift 2
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  cat > "/etc/systemd/system/tsg-$name.service" <<UNIT
[Unit]
After=docker.service network-online.target
Requires=docker.service
StartLimitIntervalSec=0

[Service]
ExecStartPre=-/usr/bin/docker rm -f tsg-$name
ExecStart=/usr/bin/docker run --name tsg-$name --rm --init --network host --read-only --tmpfs /tmp --cap-drop ALL \\
  --security-opt no-new-privileges --ulimit nofile=65536 --env-file /run/tsg/environment \\
  --log-driver awslogs --log-opt awslogs-group=$LOG_GROUP --log-opt awslogs-stream=$instance/$name \\
  ${options[*]} $image $*
ExecStop=/usr/bin/docker stop --time $stop_s tsg-$name
TimeoutStopSec=$((stop_s + 15))
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --now "tsg-$name"
}

# Tells the stack that this instance serves, or that it does not.
signal() {
  aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id "$GROUP" --unique-id "$instance" --status "$1"
}
