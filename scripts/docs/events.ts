import { fromSource } from './sources.ts';

/** The part of JSON Schema that zod makes of our schemas. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
}

interface AsyncApi {
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly name: string; readonly summary: string }>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}

/** The document that the API serves at `/asyncapi.json`. */
export async function asyncApi(): Promise<AsyncApi> {
  const { asyncApiDocument } = await fromSource<{ asyncApiDocument(): AsyncApi }>('libs/contracts/src/asyncapi.ts');
  return asyncApiDocument();
}

/** All events with their fields, as Markdown. */
export function eventsAsMarkdown({ components: { messages, schemas } }: AsyncApi): string {
  return Object.entries(messages)
    .map(([id, { name, summary }]) => {
      const rows = rowsOf(schemas[id]?.properties?.['data'] ?? {}, 'data');
      const table = ['| field | |', '| --- | --- |', ...rows.map(([field, kind]) => `| \`${field}\` | ${kind} |`)];
      return `### ${name}\n\n${summary}\n\n${table.join('\n')}\n`;
    })
    .join('\n');
}

type Row = readonly [field: string, kind: string];

function rowsOf({ properties = {}, required = [] }: Schema, path: string): Row[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const field = `${path}.${name}`;
    const [inner, isList] = deeper(schema);
    const optional = required.includes(name) ? '' : ', may be absent';
    const row: Row = [field, `${kindOf(schema)}${optional}`];
    return inner ? [row, ...rowsOf(inner, isList ? `${field}[]` : field)] : [row];
  });
}

/** What has fields of its own: itself, what it may be besides `null`, or what it lists. */
function deeper(schema: Schema): [Schema | null, boolean] {
  if (schema.properties) return [schema, false];
  if (schema.items?.properties) return [schema.items, true];
  const found = schema.anyOf?.find(({ properties }) => properties);
  return [found ?? null, false];
}

function kindOf({
  type,
  enum: values,
  anyOf,
  items,
  format,
  pattern,
  const: one,
  additionalProperties,
}: Schema): string {
  if (one !== undefined) return code(one);
  if (values) return values.map(code).join(', ');
  if (anyOf) return anyOf.map(kindOf).join(' or ');
  if (type === 'array') return `list of ${kindOf(items ?? {})}`;
  if (type === 'object') return typeof additionalProperties === 'object' ? 'texts by name' : 'object';
  if (format === 'date-time') return 'time (RFC 3339)';
  if (pattern?.startsWith('^[0-9a-f]{8}-')) return 'uuid';
  if (pattern !== undefined && /^\^\[0-9a-f\]\{\d+\}\$$/.test(pattern)) return 'hex digits';
  const words: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: 'yes or no' };
  return words[String(type)] ?? String(type ?? 'anything');
}

const code = (value: unknown): string => `\`${String(value)}\``;
