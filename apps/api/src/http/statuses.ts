import type { Problem } from '@varve/core';

const BY_CODE: Readonly<Record<string, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  login_failed: 401,
  forbidden: 403,
  token_not_scoped: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  operation_running: 409,
  past_point_of_no_return: 409,
  snapshot_needed: 409,
  chain_diverged: 409,
  layers_missing: 409,
  layers_lost: 409,
  layers_not_stored: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  too_many_attempts: 429,
  host_unavailable: 503,
  service_unavailable: 503,
  store_unavailable: 503,
};

/** HTTP's word for a problem. Together with the filter, the only place that knows them. */
export function statusOf({ code, remedy }: Pick<Problem, 'code' | 'remedy'>): number {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  // Kinds of disks that can't be snapshotted: the request was understood, and will not work on this instance.
  if (code.startsWith('disk_')) return 422;
  // What Nova is doing with the instance, or has it kept as: not in this state.
  if (code.startsWith('instance_') && remedy !== 'call-operator') return 409;
  switch (remedy) {
    case 'retry':
      return 503;
    case 'fix-request':
      return 422;
    case 'call-operator':
      return 500;
  }
}

/** What frameworks throw: a status, which is all there is to go by. */
export function codeOf(status: number): string {
  const found = Object.entries(BY_CODE).find(([, known]) => known === status);
  return found?.[0] ?? (status < 500 ? 'invalid_request' : 'internal');
}
