import { TooManyAttemptsError } from '@varve/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { LoginAttempts } from './login-attempts.js';

let now: number;
let attempts: LoginAttempts;
beforeEach(() => {
  now = 1_000_000;
  attempts = new LoginAttempts();
});

const wrong = (client = '10.0.0.1') =>
  attempts.bounded(
    client,
    () => Promise.resolve(null),
    () => now,
  );
const right = (client = '10.0.0.1') =>
  attempts.bounded(
    client,
    () => Promise.resolve('in'),
    () => now,
  );

describe('failed log-ins of one address', () => {
  it('are ten a minute: then the right password has to wait as well, as long as is said', async () => {
    for (let n = 0; n < 10; n++) {
      expect(await wrong()).toBeNull();
      now += 1_000;
    }
    await expect(right()).rejects.toThrow('try again in 50 s');
    now += 49_999;
    await expect(right()).rejects.toBeInstanceOf(TooManyAttemptsError);
    now += 1;
    expect(await right()).toBe('in');
  });

  it('are not those of another', async () => {
    for (let n = 0; n < 10; n++) await wrong();
    expect(await right('10.0.0.2')).toBe('in');
  });

  it('do not count where they succeeded, or where nobody knows', async () => {
    for (let n = 0; n < 30; n++) expect(await right()).toBe('in');
    for (let n = 0; n < 30; n++) {
      const away = attempts.bounded(
        '10.0.0.1',
        () => Promise.reject(new Error('away')),
        () => now,
      );
      await expect(away).rejects.toThrow('away');
    }
    expect(await right()).toBe('in');
  });

  it('count while nobody knows yet: a hundred at once are no way around', async () => {
    let tried = 0;
    const many = Array.from({ length: 100 }, () =>
      attempts.bounded(
        '10.0.0.1',
        async () => {
          tried++;
          await Promise.resolve();
          return null;
        },
        () => now,
      ),
    );
    await Promise.allSettled(many);
    expect(tried).toBe(10);
  });

  it('of more addresses than can be counted are counted together', async () => {
    for (let n = 0; n < 10_000; n++) await wrong(`client-${n}`);
    for (let n = 0; n < 10; n++) await wrong(`late-${n}`);
    await expect(right('another')).rejects.toBeInstanceOf(TooManyAttemptsError);
    expect(await right('client-0')).toBe('in');
  });
});
