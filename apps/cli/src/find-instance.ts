import type { InstanceView } from '@varve/contracts';
import { isUuid, NotFoundError } from '@varve/core';
import { UsageError } from './exit-codes.js';
import type { Session } from './settings.js';

/**
 * @param named - an instance's uuid, or its name where that is the only one of it
 * @throws {UsageError} several have the name
 */
export async function findInstance({ client, signal }: Session, named: string): Promise<InstanceView> {
  if (isUuid(named.toLowerCase())) return client.instance(named.toLowerCase(), { signal });
  const found: InstanceView[] = [];
  for await (const instance of client.instances({ limit: 1000 }, { signal })) {
    if (instance.name === named) found.push(instance);
  }
  const [first, ...others] = found;
  if (!first) throw new NotFoundError('instance', named);
  if (others.length === 0) return first;
  const which = found.map(({ id, projectId, host }) => `  ${id}  project ${projectId}, on ${host}`).join('\n');
  throw new UsageError(`${found.length} instances are called ${named}; give one's uuid:\n${which}`);
}
