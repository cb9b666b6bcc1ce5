# What takes long of a backup, beside the writer: flat names, the journal as far as it was whole, checksums. Started in the backup's directory on one
# volume, and names nothing outside of it: when a later attempt has replaced the directory, this one finds nothing any more.
# usage: sh backup.sh [JOURNAL BYTES]
set -e
trap 'rm -f making/running' EXIT

for part in making/part-*; do
  test -d "$part" || continue
  serial=$(printf %010d "${part#making/part-}")
  for file in "$part"/.d "$part"/*; do
    column=${file##*/}
    case $column in
      # A column of texts is two files, f0 and f0#, and .d names the columns [kb/splayed-tables].
      .d) column=d ;;
      *'#') column=${column%'#'}-text ;;
    esac
    mv -T "$file" "part-$serial-$column"
  done
  rmdir "$part"
done
if test $# -gt 0; then head -c "$2" "making/$1" >"$1"; fi

find . -maxdepth 1 -type f -printf '%s %P\n' | LC_ALL=C sort -k 2 >making/sizes
find . -maxdepth 1 -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r sha256sum >making/checksums.new
mv making/checksums.new making/checksums
