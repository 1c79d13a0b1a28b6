// Owns a freeze of a guest's file systems made through libvirt, as a process of its own: whatever becomes of the process
// that asked for the freeze, kill -9 included, this one ends it.
//
//   thaw-guard.mjs freeze <uri> <domain> <deadline ms>    thaws on "thaw", on the end of stdin, at the deadline
//   thaw-guard.mjs thaw <uri> <domain>                    thaws
//
// Says what happened in lines of JSON. Uses nothing but Node and virsh, so that a bundler may copy it as it is.
import { execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** libvirt waits 5 s for an agent's first word, and for its answer without end. */
const FREEZE_ANSWER_MS = 10_000;
const THAW_ANSWER_MS = 15_000;
/** A guest that can't be thawed for so long is not going to be; somebody has to look. */
const THAW_TRIES_MS = 15 * 60_000;

// The reader may be gone: that is one of the reasons to be here.
process.stdout.on('error', () => {});
process.on('SIGHUP', () => {});

/** @param {object} event */
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

/** @param {string} uri @param {string[]} args @param {number} ms @returns {Promise<string>} */
function virsh(uri, args, ms) {
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  return new Promise((resolve, reject) => {
    execFile(
      'virsh',
      ['--connect', uri, ...args],
      { timeout: ms, killSignal: 'SIGKILL', env },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else
          reject(
            Object.assign(new Error(stderr.replaceAll('error: ', '').trim() || error.message), { late: error.killed }),
          );
      },
    );
  });
}

/** How many file systems it says it was. @param {string} text */
const countIn = (text) => Number(/\d+/.exec(text)?.[0] ?? 0);

/** @param {string} uri @param {string} domain @returns whether there is a QEMU; also when libvirt can't say */
async function isThere(uri, domain) {
  try {
    return (await virsh(uri, ['domstate', domain], THAW_ANSWER_MS)).trim() !== 'shut off';
  } catch {
    try {
      return (await virsh(uri, ['list', '--uuid'], THAW_ANSWER_MS)).includes(domain);
    } catch {
      return true;
    }
  }
}

/** Goes on until the agent says so. @param {string} uri @param {string} domain @returns how many were frozen until now */
async function thaw(uri, domain) {
  const giveUp = performance.now() + THAW_TRIES_MS;
  for (let wait = 50; ; wait = Math.min(2 * wait, 2_000)) {
    try {
      return countIn(await virsh(uri, ['domfsthaw', domain], THAW_ANSWER_MS));
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      if (!(await isThere(uri, domain))) return 0; // no QEMU, no frozen guest
      await delay(wait);
    }
  }
}

/** @param {string} uri @param {string} domain @param {number} deadlineMs */
async function freeze(uri, domain, deadlineMs) {
  // From the first moment, not only once frozen: the wish to end it may come while the guest is still freezing.
  let askedToEnd = () => {};
  const endAsked = new Promise((resolve) => (askedToEnd = () => resolve(true)));
  createInterface({ input: process.stdin }).on('line', askedToEnd).on('close', askedToEnd);
  process.on('SIGTERM', askedToEnd);
  process.on('SIGINT', askedToEnd);

  const deadline = performance.now() + deadlineMs;
  try {
    const count = countIn(await virsh(uri, ['domfsfreeze', domain], Math.min(deadlineMs, FREEZE_ANSWER_MS)));
    if (count === 0) throw new Error('the guest has no file system that can be frozen');
    say({ event: 'frozen', count });
  } catch (error) {
    // An agent that said no has frozen nothing, and what somebody else has frozen is not ours to end. One that has said
    // nothing may have frozen.
    if (error.late) await thaw(uri, domain);
    say({ event: 'failed', why: error.message });
    return;
  }

  const over = new AbortController();
  const atDeadline = delay(Math.max(0, deadline - performance.now()), false, { signal: over.signal });
  const inTime = await Promise.race([endAsked, atDeadline.catch(() => false)]);
  over.abort();
  const count = await thaw(uri, domain);
  say({ event: 'thawed', held: inTime && count > 0 });
}

/** @param {string} uri @param {string} domain */
async function thawNow(uri, domain) {
  await thaw(uri, domain);
  say({ event: 'thawed' });
}

const [mode, uri = '', domain = '', deadlineMs = '0'] = process.argv.slice(2);
await (mode === 'freeze' ? freeze(uri, domain, Number(deadlineMs)) : thawNow(uri, domain));
process.exit(0);
