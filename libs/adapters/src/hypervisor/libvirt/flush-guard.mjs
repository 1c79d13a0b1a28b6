// Stops the processors of a domain for an instant, which makes QEMU flush its images, and sees to it that they run again
// whatever becomes of the process that asked.
//
//   flush-guard.mjs <uri> <domain>
//
// Says what happened in a line of JSON. Uses nothing but Node and virsh, so that a bundler may copy it as it is.
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const ANSWER_MS = 15_000;
/** A domain that can't be resumed for so long is not going to be; somebody has to look. */
const RESUME_TRIES_MS = 15 * 60_000;

// The reader may be gone: that is one of the reasons to be here.
process.stdout.on('error', () => {});
process.on('SIGHUP', () => {});

const [uri = '', domain = ''] = process.argv.slice(2);

/** @param {string[]} args @returns {Promise<string>} */
function virsh(...args) {
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const options = { timeout: ANSWER_MS, killSignal: /** @type {const} */ ('SIGKILL'), env };
  return new Promise((resolve, reject) => {
    execFile('virsh', ['--quiet', '--connect', uri, ...args], options, (error, stdout, stderr) => {
      if (!error) resolve(stdout.trim());
      else reject(new Error(stderr.replaceAll('error: ', '').trim() || error.message));
    });
  });
}

async function resume() {
  const giveUp = performance.now() + RESUME_TRIES_MS;
  for (let wait = 20; ; wait = Math.min(2 * wait, 2_000)) {
    try {
      if ((await virsh('domstate', domain)) !== 'paused') return;
      await virsh('resume', domain);
      return;
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      await delay(wait);
    }
  }
}

/** @returns {Promise<object>} */
async function flush() {
  const state = await virsh('domstate', domain);
  // One that somebody else has paused is not ours to resume, and libvirt would not tell QEMU to stop it again.
  if (state !== 'running') return { event: 'failed', why: `the domain is ${state}` };
  try {
    await virsh('suspend', domain);
  } finally {
    await resume();
  }
  return { event: 'flushed' };
}

try {
  process.stdout.write(`${JSON.stringify(await flush())}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ event: 'failed', why: error.message })}\n`);
}
