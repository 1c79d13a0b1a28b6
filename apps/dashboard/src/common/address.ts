import type { z } from 'zod';

/**
 * What of a page's address its question to the API understands. What it does not, such as a filter of another version,
 * is as if it were not there: a link never leads to an error for that.
 */
export function queryFrom<Schema extends z.ZodObject>(
  schema: Schema,
  params: URLSearchParams,
): Partial<z.output<Schema>> {
  const known = Object.entries(schema.shape).flatMap(([name, field]) => {
    const text = params.get(name);
    if (text === null) return [];
    const value = (field as z.ZodType).safeParse(text);
    return value.success ? [[name, value.data] as const] : [];
  });
  return Object.fromEntries(known) as Partial<z.output<Schema>>;
}

/** The address after a choice. Another choice is another list: it begins at its first page. */
export function addressWith(
  params: URLSearchParams,
  changes: Readonly<Record<string, string | null>>,
): URLSearchParams {
  const next = new URLSearchParams(params);
  next.delete('marker');
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** An address of this page, to be linked to. */
export function linkTo(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams(query).toString()}`;
}
