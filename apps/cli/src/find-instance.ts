import type { InstanceView } from '@varve/contracts';
import { isUuid, NotFoundError } from '@varve/core';
import { UsageError } from './exit-codes.js';
import type { Session } from './settings.js';
import { didYouMean, similarTo } from './similar.js';
import { printable } from './terminal.js';

/**
 * @param named - an instance's uuid, or its name where that is the only one of it
 * @throws {UsageError} several have the name
 * @throws {NotFoundError} none has; says which have nearly the same
 */
export async function findInstance({ client, signal }: Session, named: string): Promise<InstanceView> {
  if (isUuid(named.toLowerCase())) return client.instance(named.toLowerCase(), { signal });
  const found: InstanceView[] = [];
  const search = named.trim().slice(0, 255);
  for await (const instance of search === '' ? [] : client.instances({ search, limit: 1000 }, { signal })) {
    if (instance.name === named) found.push(instance);
  }
  const [first, ...others] = found;
  if (!first) throw new NoSuchInstanceError(named, await namesLike(named));
  if (others.length === 0) return first;
  const which = found.map(({ id, projectId, host }) => `  ${id}  project ${projectId}, on ${host}`).join('\n');
  throw new UsageError(`${found.length} instances are called ${named}; give one's uuid:\n${which}`);

  async function namesLike(typed: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of client.instances({ limit: 1000 }, { signal })) names.push(name);
    return similarTo(typed, names);
  }
}

/** There is no instance of that name. */
export class NoSuchInstanceError extends NotFoundError {
  constructor(
    readonly named: string,
    similar: readonly string[],
  ) {
    super('instance', named);
    this.message += didYouMean(similar.map(printable));
  }
}
