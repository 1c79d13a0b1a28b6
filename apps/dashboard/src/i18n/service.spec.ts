import { ApiError } from '@varve/api-client';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../../scripts/docs/error-codes.ts';
import { stepNames } from '../../../../scripts/step-names.ts';
import { saidIn, TRANSLATED } from './service.ts';

describe.each(Object.entries(TRANSLATED))('%s', (_, words) => {
  it('has a title for every code that there is, and for no other', () => {
    const codes = [...errorCodes()].filter((code) => /^[a-z][a-z0-9_]+$/.test(code));
    expect(Object.keys(words.problem).sort()).toEqual([...codes, 'page_fault'].sort());
  });

  it('has a name for every step of every procedure, and for no other', () => {
    const names = [...stepNames()];
    expect(names.length).toBeGreaterThan(40);
    expect(Object.keys(words.step).sort()).toEqual(names.sort());
  });

  it('gives no two of them the same words', () => {
    for (const texts of [words.problem, words.step].map(Object.values)) expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('what the service has said', () => {
  const full = { code: 'no_space', message: 'A copy needs 9 bytes, 1 are free' };

  it('is a title in the reader’s language, and its own words beneath', () => {
    expect(saidIn('zh-CN').problem(full)).toEqual({ title: '主机空间不足', original: full.message });
    expect(saidIn('zh-CN').step('upload layer')).toEqual({ title: '上传层', original: 'upload layer' });
    const late = new ApiError('No', { code: 'api_unreachable', remedy: 'retry', status: 0 });
    expect(saidIn('zh-CN').problem(late).title).toBe('API 没有应答');
    expect(saidIn('zh-CN').problem(new TypeError('x is undefined')).title).toBe('页面自身的故障');
  });

  it('is shown as it is in English, and where it is unknown here', () => {
    expect(saidIn('en').problem(full)).toEqual({ title: full.message, original: null });
    expect(saidIn('en').step('upload layer')).toEqual({ title: 'upload layer', original: null });
    for (const code of ['of_the_future', 'constructor']) {
      expect(saidIn('zh-CN').problem({ code, message: 'New' })).toEqual({ title: 'New', original: null });
      expect(saidIn('zh-CN').step(code)).toEqual({ title: code, original: null });
    }
  });
});
