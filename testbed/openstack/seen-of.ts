// What there is to see of a server in the cloud, for whoever waited for something of it in vain.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findServer } from './servers.ts';
import type { Session } from './session.ts';

const LINE_LENGTH = 250;

/** In one text: what Nova says of it, what lies in its folder on the host, and the ends of the logs that are about it. */
export async function seenOf(session: Session, id: string, { dir, logs }: { dir: string; logs: string }) {
  const server = await findServer(session, id).catch(String);
  const files = existsSync(dir) ? readdirSync(dir).join(' ') : 'no folder';
  const about = (line: string): boolean => line.includes(id) || / (ERROR|CRITICAL) \S+ \[/.test(line);
  return [
    `Nova has ${JSON.stringify(server)}; on the host: ${files}`,
    ...endOf(join(logs, 'nova-compute.log'), 6, about),
    ...endOf(join(logs, 'glance-api.log'), 3),
  ].join('\n');
}

function endOf(log: string, lines: number, which = (line: string): boolean => line !== ''): string[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter(which)
    .slice(-lines)
    .map((line) => line.slice(0, LINE_LENGTH));
}
