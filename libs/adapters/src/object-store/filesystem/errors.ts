import { StoreRefusedError, StoreUnavailableError } from '@varve/core';

/** What the kernel says when trying again does not help: full, over quota, read-only, not ours. */
const REFUSED = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EFBIG', 'ENAMETOOLONG', 'ENOTDIR', 'EISDIR']);

export const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

/** A failed system call as one of our errors; what isn't one (a bug, an error of ours) passes as it is. */
export function storeError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === null || !(error instanceof Error) || !('syscall' in error)) return error;
  const facts = { store: 'filesystem', code };
  return REFUSED.has(code)
    ? new StoreRefusedError(`The store's file system refused: ${code}`, facts, { cause: error })
    : new StoreUnavailableError(`The store's file system is not working: ${code}`, facts, { cause: error });
}
