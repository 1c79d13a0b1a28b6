import { InstanceNotReadyError } from './errors.js';

type Code = InstanceNotReadyError['code'];

/** Nova's `vm_state`s in which the disk on the host is not what the instance will go on with, and what to do about it. */
const OBSTACLES: Readonly<Record<string, readonly [Code, string]>> = {
  building: ['instance_building', 'is still being built'],
  // Its memory was saved together with the disk as it is: neither may change without the other.
  suspended: ['instance_suspended', 'is suspended; resume it first'],
  // The system disk is the second one of another system now.
  rescued: ['instance_rescued', 'is in rescue mode; unrescue it first'],
  resized: ['instance_resized', 'was resized; confirm or revert that first'],
  shelved: ['instance_shelved', 'is shelved; unshelve it first'],
  shelved_offloaded: ['instance_shelved', 'is shelved; unshelve it first'],
  'soft-delete': ['instance_deleted', 'is deleted; restore it first'],
  deleted: ['instance_deleted', 'is deleted'],
  error: ['instance_in_error', 'is in error; an operator has to reset its state first'],
};

/** The states that {@link obstacleIn} names, by whether they pass without anybody doing something. */
export const OBSTRUCTING_STATES: { readonly passing: readonly string[]; readonly lasting: readonly string[] } = {
  passing: Object.keys(OBSTACLES).filter((state) => obstacleIn(state, '')?.remedy === 'retry'),
  lasting: Object.keys(OBSTACLES).filter((state) => obstacleIn(state, '')?.remedy !== 'retry'),
};

/**
 * Why neither a snapshot nor a rollback can be made while Nova has the instance in this state.
 *
 * @param vmState - as Nova calls it; the ones we do not know are none of our business
 * @param work - a repair is for instances in error
 * @returns `null`: nothing is in the way
 */
export function obstacleIn(
  vmState: string,
  instanceId: string,
  work: 'any' | 'repair' = 'any',
): InstanceNotReadyError | null {
  if (work === 'repair' && vmState === 'error') return null;
  const [code, words] = OBSTACLES[vmState] ?? [];
  if (code === undefined) return null;
  return new InstanceNotReadyError(code, `Instance ${instanceId} ${words}`, { instanceId, vmState });
}
