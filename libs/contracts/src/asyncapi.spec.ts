import { expect, it } from 'vitest';
import { asyncApiDocument } from './asyncapi.js';
import { VarveEvent } from './messages/events.schema.js';

const document = JSON.parse(JSON.stringify(asyncApiDocument())) as {
  channels: Record<string, { address: string }>;
  operations: Record<string, unknown>;
  components: { messages: Record<string, unknown>; schemas: Record<string, { properties: Record<string, unknown> }> };
};

it('describes every event that there is, as a channel of its own', () => {
  const types = VarveEvent.options.map((event) => event.shape.type.value);
  expect(Object.values(document.channels).map(({ address }) => address)).toEqual(types);
  for (const part of [document.operations, document.components.messages, document.components.schemas]) {
    expect(Object.keys(part)).toEqual(Object.keys(document.channels));
  }
});

it('refers to nothing that is not there', () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)].map(([, path = '']) => path);
  expect(refs.length).toBeGreaterThan(30);
  for (const ref of refs) {
    let at: unknown = document;
    for (const part of ref.split('/').slice(1)) at = (at as Record<string, unknown>)[part];
    expect([ref, typeof at]).toEqual([ref, 'object']);
  }
});

it('has the fields that are parsed', () => {
  expect(document.components.schemas['snapshotFailed']?.properties).toMatchObject({
    type: { const: 'snapshot.failed' },
    data: { properties: { problem: { properties: { code: { type: 'string' } } } } },
  });
});
