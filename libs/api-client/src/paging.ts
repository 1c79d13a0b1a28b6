import type { Page } from '@varve/contracts';

/** The items of all pages, each page asked for when the one before is used up. */
export async function* allOf<Item>(pageAt: (marker: string | undefined) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let marker: string | undefined;
  do {
    const page = await pageAt(marker);
    yield* page.items;
    marker = page.nextMarker ?? undefined;
  } while (marker !== undefined);
}

/** For callers that need them all at once. */
export async function toArray<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
