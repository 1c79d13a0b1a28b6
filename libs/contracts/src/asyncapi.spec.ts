import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import type { AnySchemaObject } from 'ajv';
import formats from 'ajv-formats';
import { expect, it } from 'vitest';
import { asyncApiDocument, EVENT_SUMMARIES } from './asyncapi.js';
import { VarveEvent } from './messages/events.schema.js';

const document = JSON.parse(JSON.stringify(asyncApiDocument())) as {
  asyncapi: string;
  channels: Record<string, { address: string }>;
  operations: Record<string, unknown>;
  components: { messages: Record<string, unknown>; schemas: Record<string, { properties: Record<string, unknown> }> };
};

const SNAPSHOT_FAILED = {
  specversion: '1.0',
  id: '22222222-2222-4222-8222-222222222222:7',
  source: '/varve/hosts/node-1',
  type: 'snapshot.failed',
  subject: '11111111-1111-4111-8111-111111111111',
  time: '2026-11-23T01:00:00.000Z',
  datacontenttype: 'application/json',
  data: {
    operationId: '22222222-2222-4222-8222-222222222222',
    instanceId: '11111111-1111-4111-8111-111111111111',
    snapshotUid: '33333333-3333-4333-8333-333333333333',
    problem: { code: 'store_unavailable', remedy: 'retry', message: 'away', facts: {} },
  },
};

it('describes every event that there is, as a channel of its own', () => {
  const types = VarveEvent.options.map((event) => event.shape.type.value);
  expect(Object.values(document.channels).map(({ address }) => address)).toEqual(types);
  for (const part of [document.operations, document.components.messages, document.components.schemas]) {
    expect(Object.keys(part)).toEqual(Object.keys(document.channels));
  }
});

it('says which events may be lost: those that a worker sends without a journal', () => {
  const lossy = Object.entries(EVENT_SUMMARIES).filter(([, summary]) => /may be lost/i.test(summary));
  expect(lossy.map(([type]) => type)).toEqual([
    'operation.progress',
    'operation.step',
    'instance.chain',
    'host.heartbeat',
  ]);
});

it('is valid by the schema of its version, as AsyncAPI publishes it', () => {
  const file = createRequire(import.meta.url).resolve(`@asyncapi/specs/schemas/${document.asyncapi}.json`);
  const schema = JSON.parse(readFileSync(file, 'utf8')) as AnySchemaObject;
  // It brings draft 7 along, which would be there twice.
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false });
  formats.default(ajv);
  const valid = ajv.compile(schema);
  expect([valid(document), valid.errors]).toEqual([true, null]);
});

it('has payloads that a validator of draft 7 takes at their word', () => {
  const ajv = new Ajv({ strict: true, strictTypes: false });
  formats.default(ajv);
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const valid = ajv.compile(schema);
    expect([name, valid({ specversion: '1.0' })]).toEqual([name, false]);
  }
  const failed = ajv.compile(document.components.schemas['snapshotFailed'] ?? false);
  expect([failed(SNAPSHOT_FAILED), failed.errors]).toEqual([true, null]);
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
