const POLL_MS = 500;

/**
 * Calls back once when the npm that runs this script is gone. npm runs scripts through a shell; a SIGTERM for npm
 * ends npm and that shell, and nobody passes it on to us. Not under npm, nothing is watched: a program started from
 * a terminal may outlive it.
 * @param {() => void} callback
 */
export function onNpmGone(callback) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, POLL_MS);
  timer.unref();
}
