# shellcheck shell=sh
# Sourced by the scripts beside it, which set `repo` first. Makes .venv, installs the pinned
# packages and the system libraries that Qt's wheels leave out, and does none of it twice.
# Everything here talks on standard error: standard output belongs to the program.

venv="$repo/.venv"
python="$venv/bin/python"

# SONAME:DEBIAN-PACKAGE. Looked up by soname, because Ubuntu renames packages (libglib2.0-0t64).
qt_libraries="libGL.so.1:libgl1 libEGL.so.1:libegl1 libxkbcommon.so.0:libxkbcommon0
    libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1 libglib-2.0.so.0:libglib2.0-0"
window_libraries="libxcb-cursor.so.0:libxcb-cursor0 libxkbcommon-x11.so.0:libxkbcommon-x11-0
    libxcb-icccm.so.4:libxcb-icccm4 libxcb-keysyms.so.1:libxcb-keysyms1
    libxcb-shape.so.0:libxcb-shape0"
sound_libraries="libportaudio.so.2:libportaudio2"

say() {
    printf 'seqstudio: %s\n' "$*" >&2
}

# prepare PURPOSE REQUIRED [WISHED]: PURPOSE is "app" or one of the extras of pyproject.toml;
# the libraries are lists of SONAME:PACKAGE. Without a required one there is no start (exit 2);
# wished ones are tried once, and missing them is a note.
prepare() {
    missing=$(missing_libraries "$2")
    if is_ready "$1" && [ -z "$missing" ]; then
        return 0
    fi
    lock
    require_packages "$(missing_python)$missing"
    if ! is_ready "$1"; then
        wish_for "$(missing_libraries "${3-}")"
        fill_venv "$1"
    fi
    unlock
}

# Print the Debian packages of those libraries that the loader does not know, each with a space.
missing_libraries() {
    known=$(PATH="$PATH:/usr/sbin:/sbin"; ldconfig -p 2>/dev/null) || return 0
    for row in $1; do
        case $known in
            *[[:space:]]"${row%%:*} ("*) ;;
            *) printf '%s ' "${row#*:}" ;;
        esac
    done
}

# Print the packages that are needed before a virtual environment can be made.
missing_python() {
    if has_pip; then
        return 0
    elif name=$(find_python); then
        # Debian splits ensurepip off: `python3 -m venv` is there and fails.
        "$name" -c 'import ensurepip' 2>/dev/null || printf '%s-venv ' "$name"
    elif command -v python3 >/dev/null; then
        printf 'python3.11 python3.11-venv '  # Ubuntu 22.04: python3 is 3.10
    else
        printf 'python3 python3-venv '
    fi
}

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return 0
        fi
    done
    return 1
}

has_pip() {
    "$python" -m pip --version >/dev/null 2>&1
}

# The stamp holds all that decides what is installed, so a change of any of it installs again.
stamp() {
    printf '%s\n' "$1" "$repo" "$("$python" -V 2>&1)"
    cat "$repo/pyproject.toml" "$repo/constraints.txt"
}

is_ready() {
    [ -x "$python" ] && [ -f "$venv/ready-$1" ] &&
        [ "$(stamp "$1")" = "$(cat "$venv/ready-$1")" ]
}

require_packages() {
    if [ -z "$1" ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        say "these are missing, by their Debian names: $1"
        say "install what your system calls them and run this again"
        exit 2
    fi
    # shellcheck disable=SC2086  # a list of names
    if ! { may_install && apt_install $1; }; then
        say "system packages are missing and could not be installed from here. This does it:"
        show_command "$1"
        exit 2
    fi
}

wish_for() {
    # shellcheck disable=SC2086  # a list of names
    if [ -n "$1" ] && ! { may_install && apt_install $1; }; then
        say "note: without $1some parts stay off (window, sound). To have them:"
        show_command "$1"
    fi
}

show_command() {
    printf '    sudo apt-get install -y %s\n' "${1% }" >&2
}

may_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

apt_install() {
    # A fresh machine has no package lists yet, so the first try may fail.
    run_apt install -y --no-install-recommends "$@" ||
        { run_apt update && run_apt install -y --no-install-recommends "$@"; }
}

run_apt() {
    set -- env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@"
    if [ "$(id -u)" != 0 ]; then
        set -- sudo -n "$@"
    fi
    "$@" </dev/null >&2
}

fill_venv() {
    say "installing the pinned packages into .venv (once; this takes a minute or more)"
    if ! has_pip && ! "$(find_python)" -m venv --clear "$venv" >&2; then
        say "Python could not make $venv (see above)"
        exit 1
    fi
    target=.
    if [ "$1" != app ]; then
        target=".[$1]"
    fi
    if ! (cd -- "$repo" && "$python" -m pip install -c constraints.txt -e "$target" >&2); then
        say "the packages could not be installed (see above). Check network and disk; run this again"
        exit 1
    fi
    stamp "$1" >"$venv/ready-$1"
}

# Two scripts started together must not fill one .venv; the folder itself serves as lock file.
lock() {
    exec 9<"$repo/scripts"
    if command -v flock >/dev/null; then
        flock 9
    fi
}

unlock() {
    exec 9<&-
}
