import { expect, it } from 'vitest';
import { similarTo } from './similar.js';

const NAMES = ['web-1', 'web-2', 'db-1', 'Datenbank', 'undo', 'list', 'x'];

it.each([
  ['web-l', ['web-1', 'web-2']],
  ['wbe-1', ['web-1']],
  ['WEB-1', ['web-1']],
  ['web1', ['web-1']],
  ['datenbnak', ['Datenbank']],
  ['lsit', ['list']],
  ['undoo', ['undo']],
  ['y', []],
  ['something else', []],
  ['', []],
])('%s: %j', (typed, expected) => expect(similarTo(typed, NAMES)).toEqual(expected));

it('does not count one name twice', () => expect(similarTo('a-nmae', ['a-name', 'a-name'])).toEqual(['a-name']));
