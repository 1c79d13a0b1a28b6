import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// The flag is needed for the function to be there, not for calling it.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
setFlagsFromString('--no-expose-gc');

/**
 * Frees the memory of buffers that were made lately and are used no more; takes about a millisecond.
 *
 * V8 looks for them only when JavaScript's own small objects have used up their space, or when buffers have grown by
 * 64 MiB. A stream of large buffers, of which each lives for an instant, makes few small objects.
 */
export const freeYoungGarbage = (): void => collect({ type: 'minor' });
