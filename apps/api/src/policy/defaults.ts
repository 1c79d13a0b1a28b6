import type { Need } from '../http/caller.js';

/** The rules that the actions' defaults are made of; a policy file may say them anew. */
export const SHARED_RULES: Readonly<Record<string, string>> = {
  admin_api: 'role:admin',
  // Keystone gives a member the role reader too, where its roles imply each other; not everywhere do they.
  project_reader: '(role:reader or role:member) and project_id:%(project_id)s',
  project_member: 'role:member and project_id:%(project_id)s',
  project_reader_or_admin: 'rule:project_reader or rule:admin_api',
  project_member_or_admin: 'rule:project_member or rule:admin_api',
  service_or_admin: 'role:service or rule:admin_api',
};

/** Whose lists are of all projects. */
export const ALL_PROJECTS = 'all_projects';
const OTHER_RULES: Readonly<Record<string, string>> = { [ALL_PROJECTS]: 'rule:admin_api' };

/** What that which a route names (`@Needs`) means as a rule. */
export const RULE_OF_ROLE: Readonly<Record<Need, string>> = {
  anybody: '@',
  reader: 'rule:project_reader_or_admin',
  member: 'rule:project_member_or_admin',
  admin: 'rule:admin_api',
  service: 'rule:service_or_admin',
};

/** @param actions - every route's action and the role that it needs */
export const defaultRules = (actions: ReadonlyMap<string, Need>): Map<string, string> =>
  new Map([
    ...Object.entries(SHARED_RULES),
    ...Object.entries(OTHER_RULES),
    ...[...actions].map(([action, role]): [string, string] => [action, RULE_OF_ROLE[role]]),
  ]);
