import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { PolicyError } from './policy.js';

/** `action: rule`, each rule a text; an empty file changes nothing. */
const PolicyFile = z.record(z.string(), z.string()).nullable();

/**
 * Read once, when the process starts.
 *
 * @throws {PolicyError} it can't be read, or is not a list of rules
 */
export function readPolicyFile(path: string): Map<string, string> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new PolicyError(`The policy file can't be read: ${(error as Error).message}`, { cause: error });
  }
  const rules = PolicyFile.safeParse(content ?? null);
  if (!rules.success) throw new PolicyError(`The policy file is not a list of rules: ${z.prettifyError(rules.error)}`);
  return new Map(Object.entries(rules.data ?? {}));
}
