import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '@varve/ports';
import { describe, expect, it } from 'vitest';
import { defaultRules } from './defaults.js';
import { Policy, PolicyError } from './policy.js';
import { readPolicyFile } from './policy-file.js';
import { parseRule, passes, RuleSyntaxError } from './rule.js';

const mine = { projectId: 'p1' };
const other = { projectId: 'p2' };
const who = (...roles: string[]) => ({ roles, projectId: 'p1' });
const actions = new Map<string, Role>([
  ['snapshots:list', 'reader'],
  ['snapshots:create', 'member'],
  ['hosts:list', 'admin'],
  ['guard:ask', 'service'],
]);

describe('a rule', () => {
  it.each([
    ['', true],
    ['@', true],
    ['!', false],
    ['role:member', true],
    ['role:MEMBER', true],
    ['role:admin', false],
    ['not role:admin', true],
    ['role:admin or role:member', true],
    ['role:admin and role:member', false],
    ['role:admin and role:x or role:member', true],
    ['role:member or role:x and role:admin', true],
    ['(role:member or role:x) and role:admin', false],
    ['not (role:member or role:x)', false],
    ['not role:x and not role:y', true],
    ['role:member and project_id:%(project_id)s', true],
    ['((role:member))', true],
    ['rule:deep', true],
    ['role:member AND NOT rule:deep', false],
  ])('%j means %s to a member of the project', (text, expected) => {
    expect(passes(parseRule(text), who('member'), mine, () => parseRule('role:member'))).toBe(expected);
  });

  it('does not mix up projects', () => {
    const rule = parseRule('role:member and project_id:%(project_id)s');
    expect(passes(rule, who('member'), other, () => rule)).toBe(false);
  });

  it.each([
    'role:',
    'role:member and',
    'and role:member',
    '(role:member',
    'role:member)',
    'role:member role:admin',
    'user_id:%(user_id)s',
    'project_id:%(target.project_id)s',
    'http://example.org/',
    'is_admin:True',
    'True:%(enabled)s',
    'not',
    '()',
  ])('that is not understood is refused: %j', (text) => {
    expect(() => parseRule(text)).toThrow(RuleSyntaxError);
  });
});

describe('who may do what, when nothing else is said', () => {
  const policy = new Policy(defaultRules(actions));
  it.each([
    ['snapshots:list', ['reader'], mine, true],
    ['snapshots:list', ['member'], mine, true],
    ['snapshots:list', ['reader', 'member'], other, false],
    ['snapshots:list', ['admin'], other, true],
    ['snapshots:list', [], mine, false],
    ['snapshots:list', ['creator'], mine, false],
    ['snapshots:list', ['service'], mine, false],
    ['snapshots:create', ['reader'], mine, false],
    ['snapshots:create', ['member'], mine, true],
    ['snapshots:create', ['member'], other, false],
    ['snapshots:create', ['admin'], other, true],
    ['hosts:list', ['member'], mine, false],
    ['hosts:list', ['admin'], mine, true],
    ['guard:ask', ['service'], other, true],
    ['guard:ask', ['member'], mine, false],
    ['all_projects', ['admin'], mine, true],
    ['all_projects', ['member', 'reader', 'service'], mine, false],
  ] as const)('%s with %j', (action, roles, whose, expected) => {
    expect(policy.allows(action, who(...roles), whose)).toBe(expected);
  });
});

it('the actions that somebody may are told without the rules that they are made of', () => {
  const policy = new Policy(defaultRules(new Map([...actions, ['session:show', 'anybody' as const]])));
  expect(policy.actionsAllowed(who('member'), mine)).toEqual(['session:show', 'snapshots:create', 'snapshots:list']);
  expect(policy.actionsAllowed(who('reader'), mine)).toEqual(['session:show', 'snapshots:list']);
  expect(policy.actionsAllowed(who('creator'), mine)).toEqual(['session:show']);
});

describe('a policy file', () => {
  const read = (text: string): Policy => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-policy-'));
    try {
      writeFileSync(join(folder, 'policy.yaml'), text);
      return new Policy(defaultRules(actions), readPolicyFile(join(folder, 'policy.yaml')));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('changes what it names and nothing else', () => {
    const policy = read('# only operators take snapshots\n"snapshots:create": "role:operator or rule:admin_api"\n');
    expect(policy.allows('snapshots:create', who('member'), mine)).toBe(false);
    expect(policy.allows('snapshots:create', who('operator'), mine)).toBe(true);
    expect(policy.allows('snapshots:list', who('reader'), mine)).toBe(true);
  });

  it('may change a rule that others are made of, and bring rules of its own', () => {
    const policy = read('admin_api: rule:cloud_admin\ncloud_admin: role:cloud_admin\n');
    expect(policy.allows('hosts:list', who('admin'), mine)).toBe(false);
    expect(policy.allows('hosts:list', who('cloud_admin'), mine)).toBe(true);
  });

  it('may be empty', () => {
    expect(read('# nothing yet\n').allows('snapshots:list', who('reader'), mine)).toBe(true);
  });

  it.each([
    ['a name that does not exist', 'snapshots:crate: role:member', 'snapshots:crate'],
    ['a rule that asks for one that does not exist', 'snapshots:create: rule:nobody', 'nobody'],
    ['a rule that asks itself', 'admin_api: rule:a\na: rule:admin_api', 'asks itself'],
    ['a check that is not known', 'snapshots:create: "is_admin:True"', 'snapshots:create'],
    ['something else than texts', 'snapshots:create: [role:member]', 'not a list of rules'],
    ['a list', '- role:member', 'not a list of rules'],
    ['no YAML', 'a: b: c', "can't be read"],
  ])('is refused for %s', (_, text, said) => {
    expect(() => read(text)).toThrow(PolicyError);
    expect(() => read(text)).toThrow(said);
  });

  it('that is missing is an error, not the defaults', () => {
    expect(() => readPolicyFile('/nowhere/policy.yaml')).toThrow(PolicyError);
  });
});
