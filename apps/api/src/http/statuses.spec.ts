import {
  ConflictError,
  DiskUnsupportedError,
  ForbiddenError,
  HostUnavailableError,
  IdempotencyKeyReusedError,
  LineageBrokenError,
  NotFoundError,
  OperationRunningError,
  PastPointOfNoReturnError,
  ServiceUnavailableError,
  SnapshotNeededError,
  UnauthorizedError,
} from '@varve/core';
import { describe, expect, it } from 'vitest';
import { InvalidRequestError } from './invalid-request.error.js';
import { codeOf, statusOf } from './statuses.js';

describe('the HTTP status', () => {
  it.each([
    [new InvalidRequestError('x'), 400],
    [new UnauthorizedError(), 401],
    [new ForbiddenError('x'), 403],
    [new NotFoundError('x', 'y'), 404],
    [new ConflictError('x'), 409],
    [new OperationRunningError('x', 'y'), 409],
    [new PastPointOfNoReturnError('x'), 409],
    [new SnapshotNeededError('x', 'y'), 409],
    [new DiskUnsupportedError('disk_encrypted', 'x'), 422],
    [new IdempotencyKeyReusedError(), 422],
    [new HostUnavailableError('x'), 503],
    [new ServiceUnavailableError('x'), 503],
    [new LineageBrokenError('x'), 500],
    [{ code: 'new_one', remedy: 'retry' as const }, 503],
    [{ code: 'new_one', remedy: 'fix-request' as const }, 422],
    [{ code: 'new_one', remedy: 'call-operator' as const }, 500],
  ])('of %o is %i', (error, status) => expect(statusOf(error)).toBe(status));

  it.each([
    [404, 'not_found'],
    [413, 'payload_too_large'],
    [418, 'invalid_request'],
    [500, 'internal'],
  ])('%i of a framework is told as %s', (status, code) => expect(codeOf(status)).toBe(code));
});
