import { expect, it } from 'vitest';
import { languageFor } from './language.ts';

it.each([
  [['zh-CN', 'en-US'], 'zh-CN'],
  [['zh'], 'zh-CN'],
  [['zh-Hant-TW'], 'zh-CN'],
  [['en-US', 'zh-CN'], 'en'],
  [['de-DE', 'zh-CN', 'en'], 'zh-CN'],
  [['de-DE', 'fr'], 'en'],
  [[], 'en'],
])('whoever prefers %j reads %s', (preferred, language) => {
  expect(languageFor(preferred)).toBe(language);
});
