# Makes .venv from requirements.lock and leaves it alone while nothing changed. Sourced by the other scripts.
# extras=yes also installs requirements-cluster.lock, requirements-frameworks.lock and requirements-browser.lock, docs=yes
# requirements-docs.lock; all stay until requirements.lock changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "cadc needs Python 3.11 or newer; $python is $("$python" --version). Set PYTHON to a newer one." >&2
  exit 2
}
# Installs packages and says how far pip is: a line that is written over on a terminal, else one for every 25 packages.
# First the number of packages, then what pip takes.
install() {
  local total=$1 count=0 verb name rest
  shift
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off "$@" | while read -r verb name rest; do
    case $verb in
      Collecting) count=$((count + 1)); name="fetching $count of $total: ${name%%[=<>~!;]*}" ;;
      Installing) count=0; name="installing what was fetched" ;;
      *) continue ;;
    esac
    if [ -t 2 ]; then printf '\r\033[K  %s' "$name" >&2
    elif [ $((count % 25)) = 0 ]; then echo "  $name" >&2; fi
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}
stamp=$(cat requirements.lock pyproject.toml | cksum)
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
  echo "making .venv (once; a few minutes)" >&2
  # A .venv without our stamp is somebody's own, or half made: it is filled, not emptied.
  "$python" -m venv $([ -f .venv/stamp ] && echo --clear) .venv
  packages=$(grep -c == requirements.lock)
  # torch first and by itself, so that no other package picks a build for it.
  install "$packages" "$(grep '^torch==' requirements.lock)"
  install "$packages" --requirement requirements.lock
  install 1 --no-deps --no-build-isolation --editable . --quiet
  echo "$stamp" > .venv/stamp
fi
# Installs a lock file beside the first, once for each of its contents: its name, what for, and options of pip.
add() {
  local stamp
  stamp=$(cat requirements.lock "requirements-$1.lock" | cksum)
  if [ "$(cat ".venv/stamp-$1" 2>/dev/null)" != "$stamp" ]; then
    echo "installing $2 into .venv (once; a minute)" >&2
    install "$(grep -c == "requirements-$1.lock")" ${3:-} --requirement "requirements-$1.lock"
    echo "$stamp" > ".venv/stamp-$1"
  fi
}
if [ "${extras:-no}" = yes ]; then
  add cluster "the extras"
  # Without what they ask for: LensKit wants an older pandas, and works with ours; TorchRec wants FBGEMM for CUDA, and
  # works with that for CPUs.
  add frameworks "other frameworks" --no-deps
  add browser "what opens pages in a browser"
fi
if [ "${docs:-no}" = yes ]; then add docs "what builds the documentation"; fi
export PATH="$PWD/.venv/bin:$PATH"
