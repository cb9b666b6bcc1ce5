# The volumes of a slot, which outlive its instances. Told: VOLUMES (ids, in their order), VOLUME_WAIT_S.

# Free, or this instance's already: another one may be ending and have it still. What AWS does not answer is asked again.
attach() {
  local volume=$1 device=$2 waited_s=0 seen state owner
  while :; do
    seen=$(aws ec2 describe-volumes --volume-ids "$volume" --query 'Volumes[0].[State, Attachments[0].InstanceId]' --output text) || seen=
    read -r state owner <<< "$seen"
    if [ "$state" = in-use ] && [ "$owner" = "$instance" ]; then return 0; fi
    if [ "$state" = available ]; then
      aws ec2 attach-volume --volume-id "$volume" --instance-id "$instance" --device "$device" > /dev/null && return
    fi
    if [ "$waited_s" -ge "$VOLUME_WAIT_S" ]; then
      echo "$volume is ${state:-unknown}, at ${owner:-nobody}, and does not become available" >&2
      return 1
    fi
    sleep 5
    waited_s=$((waited_s + 5))
  done
}

# By its serial, which is the volume's id without the dash: NVMe devices come in any order.
device_of() {
  local serial=${1/-/} tries=0 path
  while :; do
    path=$(lsblk -dnpo NAME,SERIAL | awk -v serial="$serial" '$2 == serial { print $1 }')
    if [ -n "$path" ]; then
      echo "$path"
      return
    fi
    if [ "$tries" -ge 60 ]; then
      echo "no device has the serial $serial" >&2
      return 1
    fi
    sleep 1
    tries=$((tries + 1))
  done
}

# blkid ends with 2 when it finds nothing, and also when it cannot read. Nothing is made on a volume that was ever written to.
prepare() {
  local path=$1 status=0 written
  blkid -p "$path" > /dev/null || status=$?
  case $status in
    0) ;;
    2)
      written=$(head -c 1048576 "$path" | tr -d '\000' | wc -c) || return 1
      if [ "$written" != 0 ]; then
        echo "there is something on $path, and blkid does not know what" >&2
        return 1
      fi
      mkfs.xfs -q "$path"
      ;;
    *)
      echo "blkid cannot tell what is on $path (it ended with $status)" >&2
      return 1
      ;;
  esac
}

letters=fghijklmnop
index=0
directories=
for volume in $VOLUMES; do
  attach "$volume" "/dev/sd${letters:$index:1}"
  device=$(device_of "$volume")
  prepare "$device"
  install -d "/data/v$index"
  mountpoint -q "/data/v$index" || mount -t xfs -o noatime,nodev,nosuid "$device" "/data/v$index"
  # The image's user.
  chown 1000:1000 "/data/v$index"
  directories="$directories${directories:+,}/data/v$index"
  index=$((index + 1))
done
tell TSG_VOLUMES "$directories"
