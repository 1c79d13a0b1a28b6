import { namesIn, parseRule, passes, RuleSyntaxError } from './rule.js';
import type { Credentials, Rule, Target } from './rule.js';

/** The policy can't be used. The process must not start with it: nobody knows what was meant. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** Who may do what: a rule for every action, and others that these are made of. */
export class Policy {
  private readonly rules = new Map<string, Rule>();

  /**
   * @param defaults - the text of every rule there is, by name
   * @param overrides - instead of those; a name that is not there is taken for a typing error
   * @throws {PolicyError}
   */
  constructor(defaults: ReadonlyMap<string, string>, overrides: ReadonlyMap<string, string> = new Map()) {
    // A rule of its own that the file's other rules use is no typing error.
    const asked = new Set([...defaults.values(), ...overrides.values()].flatMap(namesInText));
    for (const name of overrides.keys()) {
      if (!defaults.has(name) && !asked.has(name)) throw new PolicyError(`${name}: there is no such action or rule`);
    }
    for (const [name, text] of new Map([...defaults, ...overrides])) this.rules.set(name, parse(name, text));
    for (const name of this.rules.keys()) this.assertSound(name, []);
  }

  /** @throws {PolicyError} there is no such action */
  allows(action: string, who: Credentials, whose: Target): boolean {
    return passes(this.ruleOf(action), who, whose, (name) => this.ruleOf(name));
  }

  /** By name; what rules are made of is not among them. */
  actionsAllowed(who: Credentials, whose: Target): string[] {
    return [...this.rules.keys()].filter((name) => isAction(name) && this.allows(name, who, whose)).sort();
  }

  private ruleOf(name: string): Rule {
    const rule = this.rules.get(name);
    if (!rule) throw new PolicyError(`There is no rule ${name}`);
    return rule;
  }

  private assertSound(name: string, path: readonly string[]): void {
    if (path.includes(name)) throw new PolicyError(`${[...path, name].join(' -> ')}: the rule asks itself`);
    const rule = this.rules.get(name);
    if (!rule) throw new PolicyError(`${path.at(-1) ?? name}: there is no rule ${name}`);
    for (const inner of namesIn(rule)) this.assertSound(inner, [...path, name]);
  }
}

/** Of a controller and a method; no other rule of ours has a colon. */
const isAction = (name: string): boolean => name.includes(':');

function parse(name: string, text: string): Rule {
  try {
    return parseRule(text);
  } catch (error) {
    if (error instanceof RuleSyntaxError) throw new PolicyError(`${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

const namesInText = (text: string): string[] =>
  [...text.matchAll(/\brule:([A-Za-z0-9_.:-]+)/g)].flatMap(([, name]) => name ?? []);
