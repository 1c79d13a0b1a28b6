import type { ChannelModel } from 'amqplib';
import { mayDo } from '../broker-questions.js';
import type { Question, Right } from '../broker-questions.js';
import type { Finding } from '../finding.js';
import { fail, ok, warn } from '../finding.js';

/** What a user must be able to do with these names. */
export const yes = (right: Right, ...names: string[]): Question[] => names.map((name) => ({ right, name }));
/** What it should not. */
export const no = yes;

/** Too little stops the work; too much is what somebody gets who takes the password from a host. */
export async function judgeRights(
  check: string,
  connection: ChannelModel,
  needed: readonly Question[],
  tooMuch: readonly Question[],
): Promise<Finding[]> {
  const answered = async (questions: readonly Question[], wanted: boolean): Promise<string[]> => {
    const found: string[] = [];
    for (const question of questions) {
      if ((await mayDo(connection, question)) === wanted) found.push(`${question.right} ${question.name}`);
    }
    return found;
  };
  const lacking = await answered(needed, false);
  if (lacking.length > 0) {
    return [fail(check, { found: `may not: ${lacking.join(', ')}`, advice: `Give it these: ${PAGE}` })];
  }
  const excess = await answered(tooMuch, true);
  if (excess.length > 0) {
    return [warn(check, { found: `may more than it needs: ${excess.join(', ')}`, advice: `Take it away: ${PAGE}` })];
  }
  return [ok(check, 'enough, and no more')];
}

const PAGE = 'rabbitmqctl set_permissions, as in docs/openstack/deploy.md, section 2.';
