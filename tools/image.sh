#!/bin/sh
# Makes an OCI image of a release build, without a daemon and without root:
#   tools/image.sh BINARY DIR NAME[:TAG]
# DIR/image becomes an OCI image layout; DIR/image.tar the same as an archive that `docker load`, `podman load`,
# `ctr images import` and `skopeo copy oci-archive:` take. Nothing is in the image but the program, the libraries
# that it is linked with, and the few files that these ask for. The same commit on the same Debian makes the
# same bytes, wherever it is built.
set -eu
umask 022
export LC_ALL=C
[ $# = 3 ] || { echo "usage: tools/image.sh BINARY DIR NAME[:TAG]" >&2; exit 2; }
binary=$1
out=$2
name=$3
user=65532
bytes_max=26214400 # 25 MB, compressed

fail() {
    echo "image: $1" >&2
    exit 1
}

[ -x "$binary" ] || fail "$binary is no program; 'make' builds it"
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD 2>/dev/null || revision=$revision-dirty
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null)}"
[ -n "$SOURCE_DATE_EPOCH" ] || fail "this is no git checkout; say the time of the image as SOURCE_DATE_EPOCH"
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# --- what lies in the image ---

put() { # FILE PATH-IN-THE-IMAGE
    install -D -m "${3:-644}" "$1" "$base/$2"
}

# The file of each library, at the path where the loader looks for it; the loader itself at the one that the
# program names.
libraries() {
    ldd "$binary" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | sort
}

# What a scanner of vulnerabilities reads to know the libraries' packages and versions, and their licences.
packages() {
    for library in $(libraries); do
        dpkg-query -S "$library" "/usr$library" 2>/dev/null | head -n 1 | cut -d : -f 1
    done | sort -u
}

stage_base() {
    mkdir -p "$base/dev" "$base/proc" "$base/sys" # where a runtime mounts
    for library in $(libraries); do
        put "$library" "$library" 755
    done
    printf 'root:x:0:0:root:/:/sbin/nologin\nyett:x:%s:%s:yett:/:/sbin/nologin\n' $user $user >"$work/passwd"
    printf 'root:x:0:\nyett:x:%s:\n' $user >"$work/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$work/nsswitch.conf"
    for file in passwd group nsswitch.conf; do
        put "$work/$file" "etc/$file"
    done
    put /etc/os-release etc/os-release
    command -v dpkg-query >/dev/null || return 0
    for package in $(packages); do
        dpkg-query -s "$package" >"$work/status"
        put "$work/status" "var/lib/dpkg/status.d/$package"
        put "/usr/share/doc/$package/copyright" "usr/share/doc/$package/copyright"
    done
}

# --- tar archives whose bytes depend on their content alone ---

# PATH...: members without the end of the archive, so that more can follow.
members() {
    tar -C "$base" -b 1 -cf - --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --no-recursion "$@" | head -c -1024
}

zeros() {
    head -c "$1" /dev/zero
}

# TEXT SIZE: a field of a tar header.
field() {
    printf '%s' "$1"
    zeros $(($2 - ${#1}))
}

# PATH BYTES CHECKSUM: the header of a PAX record, as ustar has it (POSIX, pax, "ustar Interchange Format").
pax_header() {
    field "$1" 100
    printf '0000644\0000000000\0000000000\000%011o\00000000000000\000%s x' "$2" "$3"
    zeros 100
    printf 'ustar\00000'
    zeros $((32 + 32 + 8 + 8 + 155 + 12))
}

# The record that makes the next member's file capability cap_net_bind_service=p: struct vfs_cap_data of revision 2
# (linux/capability.h), permitted 1 << 10. Only root could set it on a file, and nobody needs to be root for this.
pax_bind_capability() {
    printf '57 SCHILY.xattr.security.capability=\000\000\000\002\000\004\000\000' >"$work/record"
    { zeros 12; echo; } >>"$work/record"
    bytes=$(wc -c <"$work/record")
    [ "$bytes" = 57 ] || fail "the PAX record has $bytes bytes"
    sum=$(pax_header usr/bin/PaxHeaders/yett "$bytes" "       " | od -An -v -tu1 |
        awk '{ for (i = 1; i <= NF; i++) sum += $i } END { printf "%06o", sum }')
    pax_header usr/bin/PaxHeaders/yett "$bytes" "$(printf '%s' "$sum")#" | tr '#' '\000'
    cat "$work/record"
    zeros $((512 - bytes))
}

layer_libraries() {
    (cd "$base" && find . -mindepth 1 -not -path './usr/bin*' -not -name nginx-ingress-controller | cut -c 3-) |
        sort >"$work/list"
    members -T "$work/list"
    zeros 1024
}

layer_program() {
    members usr usr/bin
    pax_bind_capability
    members usr/bin/yett nginx-ingress-controller
    zeros 1024
}

# --- the layout ---

# FILE: moves it to its blob, and prints its digest.
blob() {
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    mv "$1" "$layout/blobs/sha256/$digest"
    echo "$digest"
}

# LAYER: sets diff_LAYER, layer_LAYER and bytes_LAYER.
layer() {
    "layer_$1" >"$work/layer.tar"
    eval "diff_$1=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)"
    gzip -9n "$work/layer.tar"
    eval "bytes_$1=$(wc -c <"$work/layer.tar.gz")"
    eval "layer_$1=$(blob "$work/layer.tar.gz")"
}

write_config() {
    cat >"$work/config" <<JSON
{"created":"$created","architecture":"$arch","os":"linux","config":{"User":"$user:$user",
"ExposedPorts":{"80/tcp":{},"443/tcp":{},"8443/tcp":{},"10254/tcp":{}},"Env":["PATH=/usr/bin"],
"Entrypoint":["/usr/bin/yett"],"Cmd":["run"],"WorkingDir":"/","StopSignal":"SIGTERM","Labels":{
"org.opencontainers.image.title":"yett",
"org.opencontainers.image.description":"A Kubernetes Ingress controller",
"org.opencontainers.image.version":"$version",
"org.opencontainers.image.revision":"$revision",
"org.opencontainers.image.created":"$created",
"org.opencontainers.image.licenses":"Apache-2.0"}},
"rootfs":{"type":"layers","diff_ids":["sha256:$diff_libraries","sha256:$diff_program"]},
"history":[{"created":"$created","created_by":"tools/image.sh","comment":"libraries"},
{"created":"$created","created_by":"tools/image.sh","comment":"yett $version"}]}
JSON
    bytes_config=$(wc -c <"$work/config")
    config=$(blob "$work/config")
}

write_manifest() {
    gzipped=application/vnd.oci.image.layer.v1.tar+gzip
    cat >"$work/manifest" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$bytes_config},
"layers":[{"mediaType":"$gzipped","digest":"sha256:$layer_libraries","size":$bytes_libraries},
{"mediaType":"$gzipped","digest":"sha256:$layer_program","size":$bytes_program}],
"annotations":{"org.opencontainers.image.revision":"$revision","org.opencontainers.image.version":"$version"}}
JSON
    bytes_manifest=$(wc -c <"$work/manifest")
    manifest=$(blob "$work/manifest")
}

# As container engines complete a short name.
full_name() {
    case $1 in
    *.*/* | *:*/* | localhost/*) echo "$1" ;;
    */*) echo "docker.io/$1" ;;
    *) echo "docker.io/library/$1" ;;
    esac
}

write_index() {
    echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    cat >"$layout/index.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$bytes_manifest,
"platform":{"architecture":"$arch","os":"linux"},
"annotations":{"org.opencontainers.image.ref.name":"${name##*:}","io.containerd.image.name":"$(full_name "$name")"}}]}
JSON
}

# The same blobs, and beside the index the list by which `docker load` knew images before it knew OCI.
write_archive() {
    cp -R "$layout" "$work/archive"
    cat >"$work/archive/manifest.json" <<JSON
[{"Config":"blobs/sha256/$config","RepoTags":["$name"],
"Layers":["blobs/sha256/$layer_libraries","blobs/sha256/$layer_program"]}]
JSON
    tar -C "$work/archive" -cf "$out/image.tar" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 \
        --group=0 --numeric-owner --mode=u=rwX,go=rX blobs index.json manifest.json oci-layout
}

base=$work/base
layout=$work/layout
mkdir -p "$base" "$layout/blobs/sha256"
stage_base
install -D -m 755 "$binary" "$base/usr/bin/yett"
strip --strip-all "$base/usr/bin/yett"
ln -s usr/bin/yett "$base/nginx-ingress-controller" # the name by which a migrated Deployment calls it
version=$("$binary" version | awk '{ print $2; exit }')
case ${name##*/} in *:*) ;; *) name=$name:$version ;; esac

layer libraries
layer program
write_config
write_manifest
write_index
bytes=$((bytes_libraries + bytes_program + bytes_config + bytes_manifest))
[ $bytes -le $bytes_max ] || fail "it has $bytes bytes, more than $bytes_max"
rm -rf "$out/image" "$out/image.tar"
mkdir -p "$out"
write_archive
cp -R "$layout" "$out/image"
echo "$name: sha256:$manifest, $bytes bytes, in $out/image and $out/image.tar"
