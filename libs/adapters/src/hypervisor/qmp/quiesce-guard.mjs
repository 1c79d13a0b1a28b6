// Owns the connection to a guest agent for as long as the guest's file systems are frozen, as a process of its own:
// whatever becomes of the process that asked for the freeze, kill -9 included, this one ends it.
//
//   quiesce-guard.mjs freeze <socket> <deadline ms> <sync ms>    thaws on "thaw", on the end of stdin, at the deadline
//   quiesce-guard.mjs thaw <socket> <sync ms>                    thaws if frozen
//
// Says what happened in lines of JSON. Uses nothing but Node, so that a bundler may copy it as it is.
import { randomInt } from 'node:crypto';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const FREEZE_ANSWER_MS = 10_000;
const THAW_ANSWER_MS = 10_000;
/** A guest that can't be thawed for so long is not going to be; somebody has to look. */
const THAW_TRIES_MS = 15 * 60_000;

// The reader may be gone: that is one of the reasons to be here.
process.stdout.on('error', () => {});
process.on('SIGHUP', () => {});

/** @param {object} event */
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

class Agent {
  /** The connection; null when there is none. */
  socket = null;
  buffered = '';
  /** @type {((line: string) => void) | null} */ onLine = null;
  /** @type {((error: Error) => void) | null} */ onLost = null;

  /** @param {string} path @param {number} syncMs */
  constructor(path, syncMs) {
    this.path = path;
    this.syncMs = syncMs;
  }

  /** Connects, and throws away answers to what others asked before us. An agent that isn't there never answers. */
  async open() {
    this.close();
    const socket = createConnection({ path: this.path });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    this.socket = socket;
    this.buffered = '';
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#receive(String(text)));
    const lost = () => {
      if (this.socket === socket) this.socket = null;
      this.onLost?.(new Error('the connection to the guest agent broke'));
    };
    socket.on('error', lost);
    socket.on('close', lost);

    const id = randomInt(1, 2 ** 31);
    // 0xFF makes the agent drop a half sentence, and marks its answer.
    socket.write(Buffer.from([0xff]));
    await this.#exchange('guest-sync-delimited', { id }, this.syncMs, (answer) => answer.return === id);
  }

  /** @param {string} command @param {number} ms */
  ask(command, ms) {
    return this.#exchange(command, undefined, ms, () => true);
  }

  close() {
    this.socket?.destroy();
    this.socket = null;
  }

  /** @param {string} command @param {object | undefined} args @param {number} ms @param {(answer: any) => boolean} mine */
  #exchange(command, args, ms, mine) {
    return new Promise((resolve, reject) => {
      const end = (/** @type {() => void} */ settle) => {
        clearTimeout(timer);
        this.onLine = null;
        this.onLost = null;
        settle();
      };
      const timer = setTimeout(() => {
        // A late answer must not be taken for the next one.
        this.close();
        end(() => reject(new Error(`${command}: no answer in ${ms} ms`)));
      }, ms);
      this.onLost = (error) => end(() => reject(error));
      this.onLine = (line) => {
        const answer = parse(line);
        if (answer === null || !mine(answer)) return;
        if (answer.error) end(() => reject(new Error(`${command}: ${answer.error.desc}`)));
        else end(() => resolve(answer.return));
      };
      if (!this.socket) this.onLost(new Error('not connected to the guest agent'));
      else this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  /** @param {string} text */
  #receive(text) {
    this.buffered += text;
    for (let end = this.buffered.indexOf('\n'); end >= 0; end = this.buffered.indexOf('\n')) {
      const line = this.buffered.slice(0, end).replaceAll('\u00ff', '');
      this.buffered = this.buffered.slice(end + 1);
      this.onLine?.(line);
    }
  }
}

/** @param {string} line */
function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null; // the rest of somebody else's answer
  }
}

/** Goes on until the agent says so. @param {Agent} agent @returns how many file systems were frozen until now */
async function thaw(agent) {
  const giveUp = performance.now() + THAW_TRIES_MS;
  for (let wait = 50; ; wait = Math.min(2 * wait, 2_000)) {
    try {
      if (!agent.socket) await agent.open();
      return Number(await agent.ask('guest-fsfreeze-thaw', THAW_ANSWER_MS));
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return 0; // no QEMU, no frozen guest
      await delay(wait);
    }
  }
}

/** @param {string} path @param {number} deadlineMs @param {number} syncMs */
async function freeze(path, deadlineMs, syncMs) {
  // From the first moment, not only once frozen: the wish to end it may come while the guest is still freezing.
  let askedToEnd = () => {};
  const endAsked = new Promise((resolve) => (askedToEnd = () => resolve(true)));
  createInterface({ input: process.stdin }).on('line', askedToEnd).on('close', askedToEnd);
  process.on('SIGTERM', askedToEnd);
  process.on('SIGINT', askedToEnd);

  const agent = new Agent(path, syncMs);
  try {
    await agent.open();
    const status = await agent.ask('guest-fsfreeze-status', syncMs);
    if (status !== 'thawed') throw new Error(`the guest is ${status} already, by somebody else`);
  } catch (error) {
    agent.close();
    say({ event: 'failed', why: error.message });
    return;
  }

  const deadline = performance.now() + deadlineMs;
  try {
    const count = Number(await agent.ask('guest-fsfreeze-freeze', Math.min(deadlineMs, FREEZE_ANSWER_MS)));
    if (count === 0) throw new Error('the guest has no file system that can be frozen');
    say({ event: 'frozen', count });
  } catch (error) {
    await thaw(agent);
    agent.close();
    say({ event: 'failed', why: error.message });
    return;
  }

  const over = new AbortController();
  const atDeadline = delay(Math.max(0, deadline - performance.now()), false, { signal: over.signal });
  const inTime = await Promise.race([endAsked, atDeadline.catch(() => false)]);
  over.abort();
  const count = await thaw(agent);
  agent.close();
  say({ event: 'thawed', held: inTime && count > 0 });
}

/** @param {string} path @param {number} syncMs */
async function thawIfFrozen(path, syncMs) {
  const agent = new Agent(path, syncMs);
  try {
    await agent.open();
  } catch (error) {
    say({ event: 'no agent', why: error.message });
    return;
  }
  if ((await agent.ask('guest-fsfreeze-status', syncMs)) !== 'thawed') await thaw(agent);
  agent.close();
  say({ event: 'thawed' });
}

const [mode, socket = '', ...numbers] = process.argv.slice(2);
const [first = 0, second = 0] = numbers.map(Number);
await (mode === 'freeze' ? freeze(socket, first, second) : thawIfFrozen(socket, first));
process.exit(0);
