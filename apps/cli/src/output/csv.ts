import { z } from 'zod';

/** One column of a view: where it lies in it. */
type Place = readonly string[];

/**
 * A table for programs: RFC 4180, one line for each thing, in the same columns whatever is in them. What lies deeper is
 * called by its way (`problem.code`); what has no columns of its own, as a list, is JSON.
 *
 * Names are chosen by tenants, and a spreadsheet would compute a text that begins as a formula does: it gets a `'` in front.
 */
export function csv(schema: z.ZodObject, rows: readonly unknown[]): string {
  const places = placesIn(schema);
  const lines = [places.map((place) => place.join('.')), ...rows.map((row) => places.map((place) => cell(row, place)))];
  return lines.map((line) => `${line.map(quoted).join(',')}\r\n`).join('');
}

function placesIn(schema: z.ZodObject): Place[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const inner = unwrapped(field as z.ZodType);
    return inner instanceof z.ZodObject ? placesIn(inner).map((place) => [name, ...place]) : [[name]];
  });
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wraps = schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return wraps ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}

function cell(row: unknown, [name, ...deeper]: Place): string {
  if (row === null || row === undefined) return '';
  if (name !== undefined) return cell((row as Readonly<Record<string, unknown>>)[name], deeper);
  return typeof row === 'string' ? harmless(row) : JSON.stringify(row);
}

const harmless = (text: string): string => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text);

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
