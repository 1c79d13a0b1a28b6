import { expect, it } from 'vitest';
import type { StreamEvent } from './event-stream.js';
import { eventsOf } from './event-stream.js';

const bytes = new TextEncoder();

async function eventsIn(...pieces: Uint8Array[]): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of eventsOf(ReadableStream.from(pieces))) events.push(event);
  return events;
}

it.each([
  ['a simple event', 'data: x\n\n', [{ type: 'message', data: 'x' }]],
  ['several lines of data', 'data: a\ndata: b\n\n', [{ type: 'message', data: 'a\nb' }]],
  ['a name', 'event: ping\ndata\n\n', [{ type: 'ping', data: '' }]],
  ['a comment', ': alive\n\n', [{ type: 'comment', data: 'alive' }]],
  ['fields we have no use for', 'id: 1\nretry: 5\ndata: x\n\n', [{ type: 'message', data: 'x' }]],
  [
    'Windows lines',
    'data: x\r\n\r\ndata: y\r\n\r\n',
    [
      { type: 'message', data: 'x' },
      { type: 'message', data: 'y' },
    ],
  ],
  [
    'old Mac lines',
    'data: x\r\rdata: y\r\r\n',
    [
      { type: 'message', data: 'x' },
      { type: 'message', data: 'y' },
    ],
  ],
  ['Windows lines of one event', 'data: a\r\ndata: b\r\n\r\n', [{ type: 'message', data: 'a\nb' }]],
  ['only the first space gone', 'data:  x: y\n\n', [{ type: 'message', data: ' x: y' }]],
  ['no event cut off at the end', 'data: x\n\ndata: half', [{ type: 'message', data: 'x' }]],
])('reads %s, however the bytes are cut', async (_, text, expected) => {
  const all = bytes.encode(text);
  expect(await eventsIn(all)).toEqual(expected);
  expect(await eventsIn(...Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(expected);
});

it('keeps a character whole that was cut in two', async () => {
  const all = bytes.encode('data: ü\n\n');
  expect(await eventsIn(all.subarray(0, 7), all.subarray(7))).toEqual([{ type: 'message', data: 'ü' }]);
});

it('does not collect for ever', async () => {
  const flood = Array.from({ length: 20 }, () => bytes.encode('x'.repeat(100_000)));
  await expect(eventsIn(...flood)).rejects.toThrow('without an end');
});

it('lets the connection go when nobody reads on', async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes.encode('data: x\n\n')),
    cancel: () => void (cancelled = true),
  });
  for await (const event of eventsOf(endless)) if (event.data === 'x') break;
  expect(cancelled).toBe(true);
});
