import { NotFoundError, ServiceUnavailableError } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { asServiceError, isConnectionLost, isContention } from './database-errors.js';

const withCode = (code: string): Error => Object.assign(new Error('of the database'), { code });

describe('an error of the database', () => {
  it.each([
    ['08006', true],
    ['57P01', true],
    ['57P03', true],
    ['25006', true],
    ['ECONNREFUSED', true],
    ['ECONNRESET', true],
    ['40001', false],
    ['23505', false],
    ['57014', false],
  ])('%s says that the connection is lost: %s', (code, lost) => expect(isConnectionLost(withCode(code))).toBe(lost));

  it('is found inside what the drivers wrap it in', () => {
    expect(isConnectionLost(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionLost(new AggregateError([withCode('ECONNREFUSED')]))).toBe(true);
    expect(isConnectionLost(Object.assign(new Error('x'), { driverError: withCode('57P01') }))).toBe(true);
    expect(isContention(Object.assign(new Error('x'), { driverError: withCode('40P01') }))).toBe(true);
  });

  it.each(['08006', '40001', '40P01', '53300', '55P03', '57014'])('%s means: try again', (code) => {
    const cause = withCode(code);
    expect(asServiceError(cause)).toBeInstanceOf(ServiceUnavailableError);
    expect(asServiceError(cause)).toMatchObject({ cause, remedy: 'retry' });
  });

  it.each([withCode('23505'), withCode('42P01'), new Error('a bug'), new NotFoundError('a', 'b')])(
    'that is none of those stays what it is (%#)',
    (error) => expect(asServiceError(error)).toBe(error),
  );
});
