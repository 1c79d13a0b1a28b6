import { InstanceQuery, OperationQuery } from '@varve/contracts';
import { describe, expect, it } from 'vitest';
import { addressWith, linkTo, queryFrom } from './address.ts';

describe('the question that an address asks', () => {
  it('is what it says, in the types of the question', () => {
    const params = new URLSearchParams('search= web &protection=failing&limit=25&sort=name&order=desc');
    expect(queryFrom(InstanceQuery, params)).toEqual({
      search: 'web',
      protection: 'failing',
      limit: 25,
      sort: 'name',
      order: 'desc',
    });
    expect(queryFrom(OperationQuery, new URLSearchParams('active=false'))).toStrictEqual({ active: false });
  });

  it('leaves out what nobody understands', () => {
    const params = new URLSearchParams('embed=1&protection=blue&limit=99999&search=&instanceId=x');
    expect(queryFrom(InstanceQuery, params)).toStrictEqual({});
  });
});

describe('a choice', () => {
  it('keeps the others, and begins at the first page', () => {
    const params = new URLSearchParams('embed=1&host=node-1&marker=abc');
    expect(addressWith(params, { protection: 'failing' }).toString()).toBe('embed=1&host=node-1&protection=failing');
    expect(addressWith(params, { host: null, search: '' }).toString()).toBe('embed=1');
    expect(addressWith(params, { marker: 'def' }).get('marker')).toBe('def');
    expect(params.get('marker')).toBe('abc');
  });

  it('is written so that nothing of it is taken for something else', () => {
    expect(linkTo('/instances', { search: 'a&b=c d' })).toBe('/instances?search=a%26b%3Dc+d');
  });
});
