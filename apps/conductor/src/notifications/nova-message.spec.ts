import { describe, expect, it } from 'vitest';
import { readNovaMessage } from './nova-message.js';
import { readRecording, wrapped } from './testing/recording.js';

const recording = readRecording();
const now = new Date('2026-11-22T19:00:00Z');
const find = (eventType: string, nth = 0) => {
  const found = recording.notifications.filter(({ message }) => message.event_type === eventType)[nth];
  if (!found) throw new Error(`nothing recorded of ${eventType}`);
  return readNovaMessage(wrapped(found.message), now);
};

describe('a notification of Nova', () => {
  it.each([
    ['instance.create.end', 'active', 'compute-1'],
    ['instance.create.start', 'building', null],
    ['instance.power_off.end', 'stopped', 'compute-1'],
    ['instance.power_on.end', 'active', 'compute-1'],
    ['instance.reboot.end', 'active', 'compute-1'],
    ['instance.pause.end', 'paused', 'compute-1'],
    ['instance.suspend.end', 'suspended', 'compute-1'],
    ['instance.rescue.end', 'rescued', 'compute-1'],
    ['instance.rebuild.end', 'active', 'compute-1'],
    ['instance.shelve_offload.end', 'shelved_offloaded', null],
    ['instance.unshelve.end', 'active', 'compute-1'],
    ['instance.resize_finish.end', 'resized', 'compute-1'],
    ['instance.resize_confirm.end', 'active', 'compute-1'],
    ['instance.delete.end', 'deleted', 'compute-1'],
    ['compute.instance.power_off.end', 'stopped', 'compute-1'],
    ['compute.instance.delete.end', 'deleted', 'compute-1'],
  ])('%s says that the server is %s on %s', (eventType, vmState, host) => {
    expect(find(eventType)?.observation).toMatchObject({ instanceId: recording.instance, vmState, host });
  });

  it('in both forms says the same of the same moment', () => {
    for (const { message } of recording.notifications.filter((one) => one.key.startsWith('versioned'))) {
      const twin = recording.notifications.find(
        (one) =>
          one.message.event_type === `compute.${message.event_type}` &&
          one.message['_context_request_id'] === message['_context_request_id'],
      );
      // Of an update there are several in one request.
      if (!twin || message.event_type === 'instance.update') continue;
      const { observedAt: _, ...one } = readNovaMessage(wrapped(message), now)?.observation ?? { observedAt: '' };
      const { observedAt: __, ...other } = readNovaMessage(wrapped(twin.message), now)?.observation ?? {
        observedAt: '',
      };
      expect(other, message.event_type).toEqual(one);
    }
  });

  it('tells of another disk after a rebuild and an unshelve, and after nothing else', () => {
    const telling = recording.notifications.filter(({ message }) => readNovaMessage(wrapped(message), now)?.rootChange);
    expect(telling.map(({ message }) => message.event_type).sort()).toEqual([
      'compute.instance.rebuild.end',
      'compute.instance.unshelve.end',
      'instance.rebuild.end',
      'instance.unshelve.end',
    ]);
  });

  it('keeps its microseconds', () => {
    expect(find('instance.delete.end')?.observation.observedAt).toBe('2026-11-22T18:56:07.393362Z');
  });

  it('is as new as it says where a clock is a little ahead of ours, or its order would be lost; not where it is far ahead', () => {
    const [one] = recording.notifications;
    const observedAt = (timestamp: string) =>
      readNovaMessage(wrapped({ ...one?.message, timestamp }), now)?.observation.observedAt;
    expect(observedAt('2026-11-22 19:00:00.005001')).toBe('2026-11-22T19:00:00.005001Z');
    expect(observedAt('2026-11-22 19:00:00.005002')).toBe('2026-11-22T19:00:00.005002Z');
    expect(observedAt('2026-11-22 23:00:00.000000')).toBe('2026-11-22T19:01:00.000Z');
  });

  it('dates another disk by our clock, which operations are dated by', () => {
    const rebuilt = recording.notifications.find(({ message }) => message.event_type === 'instance.rebuild.end');
    const early = readNovaMessage(wrapped({ ...rebuilt?.message, timestamp: '2026-11-22 19:00:05.000001' }), now);
    expect(early?.rootChange?.at).toBe('2026-11-22T19:00:00.000Z');
  });

  it('may come as oslo.messaging’s first version has it', () => {
    const [one] = recording.notifications;
    expect(readNovaMessage(one?.message, now)).toEqual(readNovaMessage(wrapped(one?.message ?? {}), now));
  });

  it.each([
    ['nothing', null],
    ['a text', 'hello'],
    ['no JSON inside', { 'oslo.version': '2.0', 'oslo.message': '{' }],
    ['no payload', wrapped({ event_type: 'instance.update', timestamp: '2026-11-22 18:00:00.000001' })],
    ['another subject', wrapped({ event_type: 'flavor.create', timestamp: '2026-11-22 18:00:00', payload: {} })],
    [
      'an id that is none',
      wrapped({
        event_type: 'instance.update',
        timestamp: '2026-11-22 18:00:00',
        payload: { instance_id: '../x', tenant_id: 'p', display_name: 'x', host: 'h', state: 'active' },
      }),
    ],
  ])('that can not be used is passed over: %s', (_, body) => {
    expect(readNovaMessage(body, now)).toBeNull();
  });
});
