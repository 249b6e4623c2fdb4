#!/bin/sh
# Installs, updates or removes cclink: curl -fsSL <address>/install.sh | sh
# The braces make the shell read everything before it runs anything: half a download runs nothing.
{
set -eu

RELEASES=https://github.com/cclink-cli/cclink/releases/latest/download
NODE_RELEASES=https://nodejs.org/dist/latest-v24.x
NODE_MAJOR=20 NODE_MINOR=19
# Marks a launcher or folder as ours, so that we may replace and remove it.
MARK="Written by cclink's install.sh"

usage() {
  cat <<END
Installs cclink below ~/.local, or updates it. Needs no root.

  curl -fsSL $RELEASES/install.sh | sh
  curl -fsSL $RELEASES/install.sh | sh -s -- --uninstall

  --uninstall  remove the program; your keys stay, and what was remembered of
               your handoffs
  --force      replace another program that stands at bin/cclink
  --help       show this

Environment:
  PREFIX           install below this folder instead of ~/.local
  CCLINK_BASE_URL  fetch cclink.tar.gz and cclink.tar.gz.sha256 from this folder
  CCLINK_NODE_URL  fetch Node.js, where it is missing or too old, from this folder
                   instead of $NODE_RELEASES
END
}

say() { printf '%s\n' "$1"; }

# fail <exit code> <what happened> <what to do next>; the exit codes are those of cclink itself.
fail() {
  printf 'cclink: %s\n%s\n' "$2" "$3" >&2
  exit "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

clean_up() {
  trap '' HUP INT TERM
  if [ -n "$work" ]; then rm -rf "$work"; fi
  if [ -n "$stage" ]; then
    # Stopped between the two renames of swap_in: restore the old one.
    for part in cclink cclink-node; do
      if [ -d "$stage/old-$part" ] && [ ! -d "$lib/$part" ]; then mv "$stage/old-$part" "$lib/$part"; fi
    done
    rm -rf "$stage"
  fi
}

# download <address> <file>
download() {
  # The shell opens the file, as a curl packed as a snap may not write where we do.
  case $1 in
    https://*) curl --proto =https --tlsv1.2 --connect-timeout 20 --speed-time 60 -fsSL "$1" >"$2" ;;
    *) curl --connect-timeout 20 --speed-time 60 -fsSL "$1" >"$2" ;;
  esac || fail 6 "Could not download $1" 'Nothing was changed. Check the network and that address, then run this again.'
}

sha256() {
  if has sha256sum; then
    sha256sum <"$1"
  elif has shasum; then
    shasum -a 256 <"$1"
  elif has openssl; then
    openssl dgst -sha256 -r <"$1"
  else
    fail 1 'None of sha256sum, shasum and openssl is here, so the download cannot be checked.' \
      'Install one of them, then run this again.'
  fi
}

# check <file> <published SHA-256> <address>: fails unless the file is exactly what was published.
check() {
  case $2 in
    *[!0123456789abcdef]*) published= ;;
    *) published=$2 ;;
  esac
  if [ ${#published} -ne 64 ]; then
    fail 5 "The checksum published for $3 is not a SHA-256." 'Nothing was changed. Run this again later, and report it if it stays so.'
  fi
  actual=$(sha256 "$1")
  if [ "${actual%% *}" != "$published" ]; then
    fail 5 "The download of $3 does not match its published checksum: it is damaged, or not what was released." \
      'Nothing was changed. Run this again, and report it if it stays so.'
  fi
}

# unpack <tarball> <folder> [path inside ...]
unpack() {
  tarball=$1 destination=$2
  shift 2
  # -o: even if root installs, the files belong to root, not to the owner named in the tarball.
  tar -xzof "$tarball" -C "$destination" "$@" ||
    fail 1 "Could not unpack below $lib." 'Nothing was changed. Check that the disk is not full, then run this again.'
}

# new_enough <node>: sets $node_version to the version it prints, or to nothing.
new_enough() {
  node_version=$("$1" --version 2>/dev/null </dev/null) || node_version=
  case $node_version in
    v[0-9]*.[0-9]*.[0-9]*) ;;
    *)
      node_version=
      return 1
      ;;
  esac
  minor=${node_version#*.} minor=${minor%%.*} major=${node_version%%.*} major=${major#v}
  [ "$major" -gt "$NODE_MAJOR" ] || { [ "$major" -eq "$NODE_MAJOR" ] && [ "$minor" -ge "$NODE_MINOR" ]; }
}

has_musl() {
  case $(ldd --version 2>&1 </dev/null || :) in
    *musl*) return 0 ;;
    *) return 1 ;;
  esac
}

# Downloads and checks a Node.js of our own. Sets $node_file to its name, or to nothing if ours is the newest.
fetch_node() {
  yourself="Install Node.js $NODE_MAJOR.$NODE_MINOR or newer yourself, then run this again."
  case $(uname -s) in
    Linux) platform=linux ;;
    Darwin) platform=darwin ;;
    *) platform= ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) platform=${platform:+$platform-x64} ;;
    aarch64 | arm64) platform=${platform:+$platform-arm64} ;;
    *) platform= ;;
  esac
  if [ -z "$platform" ]; then
    fail 1 "There is no ready-made Node.js for this system ($(uname -s), $(uname -m))." "$yourself"
  fi
  if [ "${platform%-*}" = linux ] && has_musl; then
    fail 1 'This Linux uses musl, as Alpine does, and nodejs.org has no Node.js for it.' "$yourself On Alpine: apk add nodejs"
  fi

  download "$node_url/SHASUMS256.txt" "$work/SHASUMS256.txt"
  node_sum='' node_file=
  while read -r sum name || [ -n "$sum" ]; do
    case $name in
      */*) ;;
      node-v*"-$platform.tar.gz") node_sum=$sum node_file=$name ;;
    esac
  done <"$work/SHASUMS256.txt"
  if [ -z "$node_file" ]; then
    fail 6 "$node_url/SHASUMS256.txt names no Node.js for $platform." "$yourself"
  fi

  newest=${node_file#node-} newest=${newest%"-$platform.tar.gz"}
  if [ -x "$lib/cclink-node/bin/node" ] && new_enough "$lib/cclink-node/bin/node" && [ "$node_version" = "$newest" ]; then
    node_file=
    return
  fi
  say "Fetching Node.js $newest for cclink alone (about 55 MB), into $lib/cclink-node"
  download "$node_url/$node_file" "$work/node.tar.gz"
  check "$work/node.tar.gz" "$node_sum" "$node_url/$node_file"
}

# Describes, in words, what is at bin/cclink and is not ours.
describe() {
  if [ -L "$bin/cclink" ]; then
    say "a link to $(readlink "$bin/cclink")"
  elif [ -d "$bin/cclink" ]; then
    say 'a folder'
  elif [ "$(head -c 2 "$bin/cclink" 2>/dev/null)" = '#!' ]; then
    say "a script ($(head -n 1 "$bin/cclink" | LC_ALL=C tr -cd ' -~'))"
  else
    say 'a compiled program, such as the Rust cclink'
  fi
}

# Prints whether the launcher is missing, ours or foreign.
launcher() {
  if [ ! -e "$bin/cclink" ] && [ ! -L "$bin/cclink" ]; then
    say missing
  elif [ -f "$bin/cclink" ] && [ ! -L "$bin/cclink" ] && grep -q "^# $MARK" "$bin/cclink"; then
    say ours
  else
    say foreign
  fi
}

# quoted <text>: the text for a place between two apostrophes.
quoted() { printf '%s\n' "$1" | sed "s/'/'\\\\''/g"; }

# Prints the Node.js that the launcher at bin/cclink starts, if there is one.
node_of_launcher() {
  if [ "$(launcher)" = ours ]; then
    sed -n "s/^node='\(.*\)'\$/\1/p" "$bin/cclink" | sed "s/'\\\\''/'/g"
  fi
}

# lasting_path <node>: prints where that Node.js is, wherever one stands and whatever PATH is then.
lasting_path() {
  case $1 in
    "$stage"/* | "$lib"/cclink-node/*)
      say "$lib/cclink-node/bin/node"
      return
      ;;
  esac
  # On PATH may be a shim of a version manager, which starts another one in each folder: the program tells.
  path=$("$1" -p process.execPath 2>/dev/null </dev/null) || path=
  case $path in
    # Homebrew removes this folder on the next update; the link to it stays.
    */Cellar/*) if [ -x "${path%%/Cellar/*}/bin/node" ]; then path=${path%%/Cellar/*}/bin/node; fi ;;
    /*) ;;
    *) path=$(command -v "$1") ;;
  esac
  say "$path"
}

# write_launcher <node>
write_launcher() {
  cat >"$stage/launcher" <<END
#!/bin/sh
# $MARK, which replaces it on an update and removes it with --uninstall.
lib='$(quoted "$lib")'
# The Node.js that it was installed with, wherever it is started: a project may put another one first on PATH.
node='$(quoted "$1")'
if [ ! -x "\$node" ]; then
  node=node
  if ! command -v node >/dev/null 2>&1; then
    echo 'cclink: The Node.js that it was installed with is gone, and there is none on PATH.' >&2
    echo "Install Node.js $NODE_MAJOR.$NODE_MINOR or newer, or run cclink's install.sh again." >&2
    exit 127
  fi
fi
exec "\$node" "\$lib/cclink/bin/cclink.cjs" "\$@"
END
  chmod 755 "$stage/launcher"
}

# The page for man(1) below PREFIX, where man looks for it if bin is on PATH.
has_foreign_page() {
  { [ -e "$page" ] || [ -L "$page" ]; } && ! { [ -f "$page" ] && grep -q "$MARK" "$page"; }
}

put_page() {
  if [ ! -f "$lib/cclink/dist/cclink.1" ] || has_foreign_page; then return; fi
  if ! { mkdir -p "${page%/*}" && { printf '.\\" %s\n' "$MARK" && cat "$lib/cclink/dist/cclink.1"; } >"$stage/page" &&
    chmod 644 "$stage/page" && mv -f "$stage/page" "$page"; } 2>/dev/null; then
    say "The man page could not be put at $page; cclink works without it."
  fi
}

# swap_in <folder of $lib>: done by two renames, so that the folder is never half there.
swap_in() {
  if [ -d "$lib/$1" ]; then mv "$lib/$1" "$stage/old-$1"; fi
  mv "$stage/$1" "$lib/$1" ||
    fail 1 "Could not put the new $1 into $lib." 'The old one, if there was one, is kept. Check that you may write there, then run this again.'
}

install_cclink() {
  if [ "$(launcher)" = foreign ] && { [ "$force" = no ] || { [ -d "$bin/cclink" ] && [ ! -L "$bin/cclink" ]; }; }; then
    fail 9 "$bin/cclink is there already and is not ours: it is $(describe)." \
      'Remove it, choose another folder with PREFIX, or replace it: sh -s -- --force'
  fi
  if ! has curl; then
    fail 1 'There is no curl here to download with.' \
      'Install curl, then run this again. (wget follows https to http, or checks no certificate.)'
  fi
  for part in cclink cclink-node; do
    if [ -e "$lib/$part" ] && [ ! -f "$lib/$part/.installed" ]; then
      fail 9 "$lib/$part is there already and was not made by this installer." 'Move it away, or choose another folder with PREFIX.'
    fi
  done
  work=$(mktemp -d "${TMPDIR:-/tmp}/cclink-install.XXXXXX") ||
    fail 1 'Could not make a temporary folder.' 'Set TMPDIR to a folder that you may write to.'

  download "$base_url/cclink.tar.gz.sha256" "$work/sha256"
  download "$base_url/cclink.tar.gz" "$work/cclink.tar.gz"
  sum='' name=
  read -r sum name <"$work/sha256" || :
  if [ "${name#\*}" != cclink.tar.gz ]; then sum=; fi
  check "$work/cclink.tar.gz" "$sum" "$base_url/cclink.tar.gz"

  node=$(node_of_launcher) node_file=
  if [ -d "$lib/cclink-node" ]; then
    node=$lib/cclink-node/bin/node
    fetch_node
  elif [ -n "$node" ] && [ -x "$node" ] && new_enough "$node"; then
    : # It stays with the one that it has.
  elif node=node && ! new_enough node; then
    if [ -n "$node_version" ]; then
      say "The Node.js on PATH is $node_version, and cclink needs $NODE_MAJOR.$NODE_MINOR or newer."
    else
      say "There is no Node.js on PATH, and cclink needs it ($NODE_MAJOR.$NODE_MINOR or newer)."
    fi
    fetch_node
  fi

  # Everything is downloaded and checked. From here on we write below PREFIX, first beside the old version.
  if ! { mkdir -p "$bin" "$lib" && stage=$(mktemp -d "$lib/.cclink-update.XXXXXX"); }; then
    fail 1 "Could not write below $prefix." 'Choose a folder of yours, for example: PREFIX=~/.local'
  fi
  if [ -n "$node_file" ]; then
    folder=${node_file%.tar.gz}
    unpack "$work/node.tar.gz" "$stage" "$folder/bin/node" "$folder/LICENSE"
    mv "$stage/$folder" "$stage/cclink-node"
    echo "$MARK" >"$stage/cclink-node/.installed"
    node=$stage/cclink-node/bin/node
    if ! new_enough "$node"; then
      fail 1 'The Node.js from nodejs.org does not run on this system, perhaps because the system is too old.' "$yourself"
    fi
  fi
  unpack "$work/cclink.tar.gz" "$stage"
  mv "$stage/package" "$stage/cclink"
  echo "$MARK" >"$stage/cclink/.installed"
  version=$("$node" "$stage/cclink/bin/cclink.cjs" --version </dev/null) ||
    fail 1 'The cclink that was downloaded does not start on this system.' 'Nothing was changed. Please report it, with the lines above.'
  write_launcher "$(lasting_path "$node")"
  before=$(launcher) replaced=$(version_of "$lib/cclink")

  if [ -n "$node_file" ]; then swap_in cclink-node; fi
  swap_in cclink
  if [ -L "$bin/cclink" ]; then rm -f "$bin/cclink"; fi
  mv -f "$stage/launcher" "$bin/cclink"
  put_page
  version=${version#cclink }
  if [ "$before" != ours ] || [ -z "$replaced" ]; then
    say "Installed cclink $version as $bin/cclink"
  elif [ "$replaced" = "$version" ]; then
    say "Installed cclink $version again, as $bin/cclink"
  else
    say "Updated cclink from $replaced to $version, as $bin/cclink"
  fi
  advise
}

# version_of <folder>: prints the version of the cclink that is installed there, if it tells.
version_of() {
  sed -n 's/^.*"version": *"\([0-9][0-9A-Za-z.+-]*\)".*$/\1/p' "$1/package.json" 2>/dev/null | head -n 1
}

# Prints what to type first: a machine that has a key needs no other.
first_command() {
  if [ -e "${CCLINK_KEY_FILE:-$HOME/.pubky/secret_key}" ]; then say cclink; else say 'cclink init'; fi
}

# Tells how to get the launcher onto PATH if it is not there.
advise() {
  case :$PATH: in
    *":$bin:"*)
      found=$(command -v cclink || :)
      if [ "$found" != "$bin/cclink" ]; then
        say "Your PATH finds another cclink first: $found. Remove that one, or put $bin before it."
      elif [ "$before" != ours ]; then
        say "Start with: $(first_command)"
      fi
      return
      ;;
  esac
  shell=${SHELL:-sh} shell=${shell##*/}
  case $bin in
    # To quote these for a shell's start-up file takes more than a line to copy.
    *[\'\"\\\$\`]*) shell= ;;
  esac
  say "$bin is not on your PATH yet. To put it there, type this, then open a new terminal and start with: $(first_command)"
  case $shell in
    bash)
      startup=.bashrc
      # Terminals on macOS start login shells, which read only this one.
      if [ "$(uname -s)" = Darwin ]; then startup=.bash_profile; fi
      say "  echo 'export PATH=\"$bin:\$PATH\"' >> ~/$startup"
      ;;
    zsh) say "  echo 'export PATH=\"$bin:\$PATH\"' >> ~/.zshrc" ;;
    fish) say "  fish_add_path '$bin'" ;;
    '') say "  (add $bin to PATH in your shell's start-up file)" ;;
    *) say "  echo 'export PATH=\"$bin:\$PATH\"' >> ~/.profile" ;;
  esac
}

# folder_of <XDG variable> <default below HOME>: prints cclink's folder there; a relative path does not count.
folder_of() {
  case $1 in
    /*) say "$1/cclink" ;;
    *) say "$HOME/$2/cclink" ;;
  esac
}

uninstall() {
  removed=no
  case $(launcher) in
    ours) rm -f "$bin/cclink" && removed=yes ;;
    foreign) say "$bin/cclink is left alone, for it is not ours: it is $(describe)." ;;
  esac
  for part in "$lib/cclink" "$lib/cclink-node"; do
    if [ -f "$part/.installed" ]; then rm -rf "$part" && removed=yes; fi
  done
  if [ -f "$page" ] && ! has_foreign_page; then rm -f "$page"; fi
  # Left behind by an installer that was killed.
  rm -rf "$lib"/.cclink-update.*
  if [ "$removed" = no ]; then
    say "There is no cclink of this installer below $prefix. If it is elsewhere, name that folder with PREFIX."
    return
  fi
  # It holds nothing but nodes of the network, and is made again at need.
  rm -rf "$(folder_of "${XDG_CACHE_HOME:-}" .cache)"
  say "Removed cclink from $prefix"
  say "Your keys stay where they are: ${CCLINK_KEY_FILE:-$HOME/.pubky/secret_key}"
  state=$(folder_of "${XDG_STATE_HOME:-}" .local/state)
  if [ -d "$state" ]; then
    say "So does what this machine remembers of your handoffs, so that none that was burnt or revoked is taken again: $state"
  fi
}

main() {
  force=no action=install_cclink work='' stage=
  for argument in "$@"; do
    case $argument in
      --help | -h) usage && return ;;
      --force) force=yes ;;
      --uninstall) action=uninstall ;;
      *) fail 2 "$argument is not an option of this installer." 'See what there is: sh -s -- --help' ;;
    esac
  done
  if [ -z "${HOME:-}" ]; then
    fail 2 'HOME is not set, so there is no place to install to.' 'Set HOME, then run this again.'
  fi
  case $(uname -s) in
    MINGW* | MSYS* | CYGWIN*) fail 2 'This installer is for Linux and macOS.' 'On Windows: npm install -g cclink' ;;
  esac
  prefix=${PREFIX:-$HOME/.local} prefix=${prefix%/}
  case $prefix in
    /* | '') ;;
    *) prefix=$PWD/$prefix ;;
  esac
  bin=$prefix/bin lib=$prefix/lib page=$prefix/share/man/man1/cclink.1
  base_url=${CCLINK_BASE_URL:-$RELEASES} base_url=${base_url%/}
  node_url=${CCLINK_NODE_URL:-$NODE_RELEASES} node_url=${node_url%/}

  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  "$action"
}

main "$@"
}
