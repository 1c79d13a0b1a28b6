const SEGMENT = /^[0-9A-Za-z][0-9A-Za-z._-]*$/;

/**
 * The last gate before a key becomes a path or a URL. Keys are made of ids, so a refusal here is a bug of ours and
 * never a user's mistake.
 */
export function assertKey(key: string): void {
  if (key.length > 900 || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw new Error(`Not an object key: ${JSON.stringify(key)}`);
  }
}
