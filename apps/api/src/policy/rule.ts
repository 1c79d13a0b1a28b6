/** Who asks, for a rule. */
export interface Credentials {
  readonly roles: readonly string[];
  readonly projectId: string;
}
/** Whose thing it is. */
export interface Target {
  readonly projectId: string;
}

/** What a rule's text means. */
export type Rule =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'same-project' }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'not'; readonly rule: Rule }
  | { readonly kind: 'and' | 'or'; readonly rules: readonly Rule[] };

export class RuleSyntaxError extends Error {
  override readonly name = 'RuleSyntaxError';
}

/**
 * The part of oslo.policy's language that says who: `role:x`, `rule:x`, `project_id:%(project_id)s`, `@` or nothing for
 * everybody, `!` for nobody, `not`, `and`, `or` and parentheses; `not` binds closest, then `and`.
 *
 * @throws {RuleSyntaxError} anything else: a check that we do not know must not pass, nor silently fail
 */
export function parseRule(text: string): Rule {
  const tokens = text.match(/%\([^)]*\)s|[()]|[^\s()%]+(?:%\([^)]*\)s)?|\S/g) ?? [];
  if (tokens.length === 0) return { kind: 'always' };
  const parser = new Parser(tokens);
  const rule = parser.or();
  if (parser.next !== undefined) throw new RuleSyntaxError(`"${text}": ${parser.next} was not expected`);
  return rule;
}

class Parser {
  private at = 0;
  constructor(private readonly tokens: readonly string[]) {}

  get next(): string | undefined {
    return this.tokens[this.at];
  }

  or(): Rule {
    return this.list('or', () => this.list('and', () => this.one()));
  }

  private list(kind: 'and' | 'or', part: () => Rule): Rule {
    const first = part();
    const rules = [first];
    while (this.next?.toLowerCase() === kind) {
      this.at++;
      rules.push(part());
    }
    return rules.length === 1 ? first : { kind, rules };
  }

  private one(): Rule {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new RuleSyntaxError('a check was expected at the end');
    if (token.toLowerCase() === 'not') return { kind: 'not', rule: this.one() };
    if (token !== '(') return check(token);
    const inner = this.or();
    if (this.tokens[this.at++] !== ')') throw new RuleSyntaxError('a parenthesis is not closed');
    return inner;
  }
}

function check(token: string): Rule {
  if (token === '@') return { kind: 'always' };
  if (token === '!') return { kind: 'never' };
  if (token === 'project_id:%(project_id)s') return { kind: 'same-project' };
  const [, kind, name] = /^(role|rule):([A-Za-z0-9_.:-]+)$/.exec(token) ?? [];
  // Keystone's role names differ in more than case.
  if (kind === 'role' && name !== undefined) return { kind, role: name.toLowerCase() };
  if (kind === 'rule' && name !== undefined) return { kind, name };
  throw new RuleSyntaxError(`"${token}" is no check known here`);
}

/** The rules that it asks by name. */
export function namesIn(rule: Rule): string[] {
  switch (rule.kind) {
    case 'rule':
      return [rule.name];
    case 'not':
      return namesIn(rule.rule);
    case 'and':
    case 'or':
      return rule.rules.flatMap(namesIn);
    case 'always':
    case 'never':
    case 'role':
    case 'same-project':
      return [];
  }
}

/** @param named - knows every name in it, and none that leads back to itself */
export function passes(rule: Rule, who: Credentials, whose: Target, named: (name: string) => Rule): boolean {
  const again = (inner: Rule): boolean => passes(inner, who, whose, named);
  switch (rule.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'role':
      return who.roles.includes(rule.role);
    case 'same-project':
      return who.projectId === whose.projectId;
    case 'rule':
      return again(named(rule.name));
    case 'not':
      return !again(rule.rule);
    case 'and':
      return rule.rules.every(again);
    case 'or':
      return rule.rules.some(again);
  }
}
