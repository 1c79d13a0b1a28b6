import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** About a millisecond's work. */
const SLICE_BYTES = 512 * 1024;

/** Of a part, in lower-case hex, without keeping the sockets of the other parts waiting for all of it. */
export async function md5Of(bytes: Buffer): Promise<string> {
  const md5 = createHash('md5');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await setImmediate();
    md5.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return md5.digest('hex');
}
