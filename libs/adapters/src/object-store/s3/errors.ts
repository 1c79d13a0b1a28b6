import { ServiceError, StoreRefusedError, StoreUnavailableError } from '@varve/core';
import { S3Error } from 'minio';

/** Codes that speak of the moment, whatever status they came with. The digests' ones: damaged on the way. */
const PASSING = new Set([
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'RequestTimeout',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'Busy',
]);
const ABSENT = new Set(['NoSuchKey', 'NotFound', 'NoSuchVersion']);

export const s3CodeOf = (error: unknown): string | null => (error instanceof S3Error ? (error.code ?? null) : null);

/** There is no such object. A bucket that is missing is another matter. */
export const isAbsent = (error: unknown): boolean => ABSENT.has(s3CodeOf(error) ?? '');

/**
 * A failed request as one of our errors.
 *
 * @param status - of the store's answer; `null` when there was none
 */
export function storeError(error: unknown, status: number | null): unknown {
  if (error instanceof ServiceError) return error;
  const code = s3CodeOf(error);
  const facts = {
    store: 's3',
    ...(code === null ? {} : { code }),
    ...(status === null ? {} : { status: String(status) }),
  };
  const options = { cause: error };

  if (status === null) {
    const network = networkCodeOf(error);
    if (network === null) return error; // a bug, ours or the library's
    return /CERT|TLS/.test(network)
      ? new StoreRefusedError(`The object store's certificate is not trusted (${network})`, facts, options)
      : new StoreUnavailableError(`The object store does not answer (${network})`, facts, options);
  }
  // 501 and 507 (not implemented, full) won't pass; and an answer below 300 broke off, or was no S3 answer at all.
  const passing = status < 300 || status === 408 || status === 429 || (status >= 500 && ![501, 507].includes(status));
  if (passing || PASSING.has(code ?? '')) {
    return new StoreUnavailableError(
      `The object store is not available (${code ?? `HTTP status ${status}`})`,
      facts,
      options,
    );
  }
  return new StoreRefusedError(`The object store refused: ${refusal(code, status)}`, facts, options);
}

function refusal(code: string | null, status: number): string {
  switch (code) {
    case 'NoSuchBucket':
      return 'there is no such bucket';
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
      return 'wrong credentials';
    case 'AccessDenied':
      return 'these credentials may not do that';
    case 'RequestTimeTooSkewed':
      return 'the clock of this host is wrong';
    default:
      return code ?? `HTTP status ${status}`;
  }
}

/** What ended a request that got no answer; `null`: something else than the network did. */
function networkCodeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'deadline';
  return 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_INVALID') ? error.code : null;
}
